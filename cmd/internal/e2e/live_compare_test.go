package e2e_test

import (
	"fmt"
	"strings"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// compare compares the mirror with the truth.
func (l *live) compare() {
	l.t.Helper()
	truth, mirror := trueFacts(l.t, l.server, l.server.AppID()), mirrored(l.t, l.db.url, nil)
	var wrong []string
	for _, name := range truth.differ(mirror) {
		// The root is there for whom may not see it, too.
		unseen := truth["department 0 exists"] == "" && strings.HasPrefix(name, "department 0 ")
		if !unseen && (l.lossy || !needsSweep(name, truth)) {
			wrong = append(wrong, name)
		}
	}
	for i, name := range wrong {
		if i == 20 {
			l.t.Errorf("and %d more", len(wrong)-i)
			break
		}
		l.t.Errorf("%s is %q, in the mirror %q", name, truth[name], mirror[name])
	}
	for _, name := range wrong[:min(len(wrong), 20)] {
		l.story(name)
	}
	l.t.Logf("%d facts compared", len(truth))
}

// needsSweep reports whether only a sweep could have told: the counts, which no
// event moves, and that somebody lost a value whose permission shows nothing
// else, where no answer beside theirs has one.
func needsSweep(name string, truth facts) bool {
	field := name[strings.LastIndex(name, " ")+1:]
	if field == "member_count" || field == "primary_member_count" {
		return true
	}
	shows := map[string]int{}
	var permissions []string
	for _, f := range sandbox.FieldPermissions() {
		for _, permission := range f.Any {
			shows[permission]++
		}
		if strings.HasPrefix(name, string(f.Kind)+" ") && f.Field == field {
			permissions = f.Any
		}
	}
	return truth[name] == "" && len(permissions) == 1 && shows[permissions[0]] == 1
}

// story logs what the log and the sandbox know of an entity, once.
func (l *live) story(fact string) {
	l.t.Helper()
	parts := strings.Fields(fact)
	for _, id := range parts[1 : len(parts)-1] {
		if l.told[id] || len(l.told) > 5 {
			continue
		}
		l.told[id] = true
		out := run(l.t, l.env, binary("mirror"), "sql", `SELECT position, recorded_at, occurred_at, event_type, source, correlation_id,
			left(regexp_replace(payload::text, '"avatar":.*?},|"header":.*?},', '', 'g'), 900) AS payload
			FROM mirror.event_log WHERE entity_id = '`+id+`' ORDER BY position DESC LIMIT 12`)
		l.t.Logf("the log of %s:\n%s", id, out.stdout)
		var told strings.Builder
		for _, e := range l.server.Events(l.server.AppID()) {
			if strings.Contains(string(e.Event), `"`+id+`"`) {
				fmt.Fprintf(&told, "%s %s: %s after %d pushes\n", e.Created.UTC(), e.Type, e.State, len(e.Attempts))
			}
		}
		l.t.Logf("what was told of %s:\n%s", id, told.String())
	}
	if len(parts) > 0 && !l.told["sweeps"] {
		l.told["sweeps"] = true
		for _, query := range []string{
			`SELECT sweep_id, state, started_at, completed_at, appended, unchanged, candidates, hidden FROM mirror.sweep ORDER BY started_at`,
			`SELECT sweep_id, entity_kind, verdict, code, count(*) FROM mirror.removal GROUP BY 1, 2, 3, 4`,
		} {
			l.t.Logf("sweeps:\n%s", run(l.t, l.env, binary("mirror"), "sql", query).stdout)
		}
		l.t.Logf("last range: %+v", l.server.Apps()[0].Range)
	}
}

// arrived reports whether the mirror got an event, be it that Feishu heard no
// answer.
func arrived(e sandbox.EventRecord) bool {
	for _, push := range e.Attempts {
		if push.Error == "" || push.Error == "the answer did not arrive" {
			return true
		}
	}
	return false
}

// fates are how the events ended.
func (l *live) fates() map[string]int {
	fates := map[string]int{}
	for _, e := range l.server.Events(l.server.AppID()) {
		state := string(e.State)
		if arrived(e) {
			state = string(sandbox.EventDelivered)
		}
		fates[state]++
		if len(e.Attempts) > 1 {
			fates["pushed again"]++
		}
	}
	if !l.lossy && fates[string(sandbox.EventLost)] > 0 {
		l.t.Errorf("%d events were lost, which were all to arrive", fates[string(sandbox.EventLost)])
	}
	return fates
}
