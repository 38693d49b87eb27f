package crawl

import (
	"encoding/json"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// verdict is what Feishu's answers say of a candidate: a reason to be gone, or
// one of two others.
type verdict string

const (
	verdictUnproven verdict = "UNPROVEN" // kept
	verdictPresent  verdict = "PRESENT"  // kept, and told
)

func removed(reason directory.Reason) verdict { return verdict(reason) }

// gone is the reason that an object itself gives for its being gone.
func (e *sighting) gone() directory.Reason {
	var status map[string]json.RawMessage
	if json.Unmarshal(e.fields["status"], &status) != nil {
		return directory.ReasonNone
	}
	says := func(flag string) bool {
		switch string(status[flag]) {
		case `true`, `"true"`, `1`, `"1"`:
			return true
		}
		return false
	}
	switch {
	case e.kind == directory.KindUser && (says("is_resigned") || says("is_exited")):
		return directory.ReasonResigned
	case e.kind == directory.KindDepartment && says("is_deleted"):
		return directory.ReasonDeleted
	}
	return directory.ReasonNone
}

// verdictOf judges an object. Feishu answers for people who left, too, so that
// one without a status and without a department proves nothing.
func verdictOf(kind directory.Kind, object json.RawMessage) verdict {
	e := sighting{kind: kind}
	if json.Unmarshal(object, &e.fields) != nil {
		return verdictUnproven
	}
	if reason := e.gone(); reason != directory.ReasonNone {
		return removed(reason)
	}
	var departments []json.RawMessage
	if kind == directory.KindUser && !shows(e.fields, "status") &&
		(json.Unmarshal(e.fields["department_ids"], &departments) != nil || len(departments) == 0) {
		return verdictUnproven
	}
	return verdictPresent
}
