package sandbox_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

func TestEventFaultsOfAScenario(t *testing.T) {
	t.Parallel()
	scenario, err := sandbox.ParseScenario("test.yaml", []byte(`
company: {people: [王伟]}
options: {empty_fields: true, root_parent: absent}
event_faults:
  - {event_type: contact.user.created_v3, lose: true, probability: 0.1, count: -1}
steps:
  - wait: continue
  - event_fault: {field: object.join_time, value: soon}
  - break_connections: half_open
  - wait: continue
  - clear_event_faults: true
`))
	must(t, err)
	k := start(t, sandbox.Config{Scenario: scenario})
	if o := k.Options(); !o.EmptyFields || o.RootParent != sandbox.RootParentAbsent {
		t.Errorf("options %+v", o)
	}
	first := sandbox.EventFault{EventType: "contact.user.created_v3", Lose: true, Probability: 0.1, Count: -1}
	if diff := cmp.Diff([]sandbox.EventFault{first}, k.EventFaults()); diff != "" {
		t.Errorf("at the start, faults mismatch (-want +got)\n%s", diff)
	}
	until(t, "a wait", k.ContinueScenario)
	second := sandbox.EventFault{Field: "object.join_time", Value: []byte(`"soon"`), Count: 1}
	until(t, "a fault", func() bool { return cmp.Equal([]sandbox.EventFault{first, second}, k.EventFaults()) })
	until(t, "another wait", k.ContinueScenario)
	until(t, "the end", func() bool { s := k.Scenario(); return s.Done == len(s.Steps) || s.Error != "" })
	if left := k.EventFaults(); len(left) != 0 || k.Scenario().Error != "" {
		t.Errorf("in the end: %+v, %+v", left, k.Scenario())
	}
}
