package crawl

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// Resource is what is polled: it has lists, and no events or not enough of them.
type Resource string

// The resources.
const (
	ResourceScope            Resource = "scope"             // what the app may see
	ResourceGroups           Resource = "groups"            // with their members
	ResourceUnits            Resource = "units"             // with their departments
	ResourceEmployeeTypes    Resource = "employee_types"    // there are events
	ResourceCustomAttributes Resource = "custom_attributes" // there are events that say that something changed
)

// Resources are all resources, in the order in which a walk reads them.
func Resources() []Resource {
	return []Resource{ResourceScope, ResourceGroups, ResourceUnits, ResourceEmployeeTypes, ResourceCustomAttributes}
}

// kinds are those of a resource's entities, and first that of its own list.
func (r Resource) kinds() []directory.Kind {
	switch r {
	case ResourceScope:
		return []directory.Kind{directory.KindScopeNode}
	case ResourceGroups:
		return []directory.Kind{directory.KindGroup, directory.KindGroupMember}
	case ResourceUnits:
		return []directory.Kind{directory.KindUnit, directory.KindUnitDepartment}
	case ResourceEmployeeTypes:
		return []directory.Kind{directory.KindEmployeeType}
	default:
		return []directory.Kind{directory.KindCustomAttribute}
	}
}

func (r Resource) kindNames() (names []string) {
	for _, kind := range r.kinds() {
		names = append(names, string(kind))
	}
	return names
}

// ParseResource reads a resource as a person names it.
func ParseResource(s string) (Resource, error) {
	if r := Resource(s); slices.Contains(Resources(), r) {
		return r, nil
	}
	return "", fmt.Errorf("%q is no resource: there are %s", s, resourceNames())
}

func resourceNames() string {
	var names []string
	for _, r := range Resources() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// PollIntervals is how often each resource is polled. The zero value is the usual
// intervals.
type PollIntervals struct {
	text  string
	every map[Resource]time.Duration // 0: never; without an entry: as usual
}

// usualIntervals: nothing tells of groups and of the range, so they are looked at
// more often; an event tells of the others, or they hardly ever change.
var usualIntervals = map[Resource]time.Duration{
	ResourceScope: time.Hour, ResourceGroups: time.Hour,
	ResourceUnits: 6 * time.Hour, ResourceEmployeeTypes: 6 * time.Hour, ResourceCustomAttributes: 6 * time.Hour,
}

// UsualPollIntervals is what the zero PollIntervals are, as ParsePollIntervals
// would read them.
const UsualPollIntervals = "scope=1h,groups=1h,units=6h,employee_types=6h,custom_attributes=6h"

// leastInterval is how often a resource may be polled at most.
const leastInterval = time.Minute

// ParsePollIntervals reads MIRROR_POLL_INTERVALS: "groups=15m,units=0" (0: never),
// the others as usual; one duration for all of them; or nothing.
func ParsePollIntervals(s string) (PollIntervals, error) {
	p := PollIntervals{text: s, every: map[Resource]time.Duration{}}
	if s == "" {
		return PollIntervals{}, nil
	}
	if !strings.Contains(s, "=") {
		every, err := parseInterval(s)
		for _, r := range Resources() {
			p.every[r] = every
		}
		return p, err
	}
	for entry := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(entry), "=")
		r, err := ParseResource(name)
		if err != nil {
			return PollIntervals{}, err
		}
		if _, twice := p.every[r]; twice {
			return PollIntervals{}, fmt.Errorf("%q: %s is there twice", s, r)
		}
		if p.every[r], err = parseInterval(value); err != nil {
			return PollIntervals{}, err
		}
	}
	return p, nil
}

func parseInterval(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d != 0 && d < leastInterval {
		return 0, fmt.Errorf("%q is no interval: a duration of a minute or more such as 30m, or 0 for never", s)
	}
	return d, nil
}

// String is what ParsePollIntervals read.
func (p PollIntervals) String() string { return p.text }

// of is how often a resource is polled; 0 is never.
func (p PollIntervals) of(r Resource) time.Duration {
	if every, set := p.every[r]; set {
		return every
	}
	return usualIntervals[r]
}

const (
	// pollShare is the part of a limited month's calls that polls may take, all
	// resources together.
	pollShare = 4
	month     = 30 * 24 * time.Hour
)

// stretch is the interval of a resource whose poll takes so many calls: longer than
// it is set, where the month's calls would not last.
func stretch(interval time.Duration, calls, monthly int64) time.Duration {
	if monthly == 0 || interval == 0 {
		return interval
	}
	share := float64(monthly) / pollShare / float64(len(Resources()))
	return max(interval, time.Duration(float64(month)*float64(calls)/max(share, 1)))
}
