package directory

import "strings"

// A link is an entity that joins others: a member of a group, a department of a
// unit, a node of what the app may see. It has existence and nothing else; what it
// joins is its key.

// What a member of a group and a node of the scope can be.
const (
	LinkUser       = "user"       // by open_id
	LinkDepartment = "department" // by open_department_id
	LinkGroup      = "group"      // by group_id
)

// linkFields are what our own objects of links hold, and what nobody reads: the key
// says it.
var linkFields = tableOf(
	field{name: "group_id"}, field{name: "member_type"}, field{name: "member_id"},
	field{name: "unit_id"}, field{name: "open_department_id"},
	field{name: "node_type"}, field{name: "node_id"},
)

// linkNames are what the parts of a link's key are called, and it is nil for a kind
// that is no link.
func linkNames(kind Kind) []string {
	switch kind {
	case KindGroupMember:
		return []string{"group_id", "member_type", "member_id"}
	case KindUnitDepartment:
		return []string{"unit_id", "open_department_id"}
	case KindScopeNode:
		return []string{"node_type", "node_id"}
	default:
		return nil
	}
}

// LinkID is the id of a link, of the parts that its kind names. What ends in "/" is
// the beginning of the ids of many.
func LinkID(parts ...string) string { return strings.Join(parts, "/") }

// IsID reports whether a text can be the id of an entity of the kind.
func IsID(kind Kind, id string) bool { return isKeyOf(kind, id) }

// linkParts divides the id of a link; nil where it is none.
func linkParts(kind Kind, id string) []string {
	parts := strings.Split(id, "/")
	if len(parts) != len(linkNames(kind)) {
		return nil
	}
	for i, part := range parts {
		if !isKey(part) {
			return nil
		}
		if name := linkNames(kind)[i]; name == "member_type" || name == "node_type" {
			if part != LinkUser && part != LinkDepartment && (part != LinkGroup || kind != KindScopeNode) {
				return nil
			}
		}
	}
	return parts
}

// LinkObject is a link as an object of the API's kind would show it.
func LinkObject(kind Kind, id string) []byte {
	object := []byte{'{'}
	parts := linkParts(kind, id)
	for i, name := range linkNames(kind)[:len(parts)] {
		object = appendQuoted(appendName(object, name), parts[i])
	}
	return append(object, '}')
}

// GroupMember is a member of a group as the read model shows it.
type GroupMember struct {
	GroupID, MemberType, MemberID string
	Life
}

// GroupMemberOf shows a member's state.
func GroupMemberOf(s *State) GroupMember {
	m := GroupMember{Life: s.life()}
	if parts := linkParts(s.Key.Kind, s.Key.ID); parts != nil {
		m.GroupID, m.MemberType, m.MemberID = parts[0], parts[1], parts[2]
	}
	return m
}

// UnitDepartment is a department of a unit as the read model shows it.
type UnitDepartment struct {
	UnitID, OpenDepartmentID string
	Life
}

// UnitDepartmentOf shows its state.
func UnitDepartmentOf(s *State) UnitDepartment {
	d := UnitDepartment{Life: s.life()}
	if parts := linkParts(s.Key.Kind, s.Key.ID); parts != nil {
		d.UnitID, d.OpenDepartmentID = parts[0], parts[1]
	}
	return d
}

// ScopeNode is a node of what the app may see, as the read model shows it.
type ScopeNode struct {
	NodeType, NodeID string
	Life
}

// ScopeNodeOf shows its state.
func ScopeNodeOf(s *State) ScopeNode {
	n := ScopeNode{Life: s.life()}
	if parts := linkParts(s.Key.Kind, s.Key.ID); parts != nil {
		n.NodeType, n.NodeID = parts[0], parts[1]
	}
	return n
}
