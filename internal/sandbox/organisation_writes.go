package sandbox

import "time"

// writes is what an organisation keeps for those who write it.
type writes struct {
	now        time.Time            // of the mutation under way
	resignedAt map[string]time.Time // by open_id, of those who left
	limits     orgLimits
}

// orgLimits are how much a company may hold, for those who write through the
// contact API; what the controls and the generator make is not bound by them.
type orgLimits struct {
	departments int // in all
	children    int // directly below one department
	members     int // directly in one department
	unit        int // departments of one unit
}

func newWrites() writes {
	return writes{
		resignedAt: map[string]time.Time{},
		limits:     orgLimits{departments: 30_000, children: 1000, members: 10_000, unit: 1000},
	}
}
