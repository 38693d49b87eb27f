package sandbox

import "strings"

// pathName is a name in department_path, with those in other languages.
type pathName struct {
	I18nName I18nName `json:"i18n_name"`
	Name     string   `json:"name"`
}

// appendPaths appends department_path: for each department of a person where it
// stands in the tree, from the first level down. The names of a path are joined
// by a slash, which no name holds.
func (v *view) appendPaths(buf []byte, u *User) []byte {
	type path struct {
		DepartmentIDs []string `json:"department_ids"`
		Name          pathName `json:"department_path_name"`
	}
	type place struct {
		ID   string   `json:"department_id"`
		Name pathName `json:"department_name"`
		Path path     `json:"department_path"`
	}
	places := make([]place, 0, len(u.DepartmentIDs))
	for _, id := range u.DepartmentIDs {
		n := v.org.departments[id]
		if n == nil {
			continue
		}
		p := place{ID: v.department(id), Name: pathName{n.I18nName, n.Name}}
		var zh, ja, en, names []string
		for _, at := range n.line() {
			p.Path.DepartmentIDs = append(p.Path.DepartmentIDs, v.department(at.OpenDepartmentID))
			names = append(names, at.Name)
			zh, ja, en = append(zh, at.I18nName.ZhCN), append(ja, at.I18nName.JaJP), append(en, at.I18nName.EnUS)
		}
		p.Path.Name = pathName{
			I18nName{ZhCN: joinNames(zh), JaJP: joinNames(ja), EnUS: joinNames(en)}, joinNames(names),
		}
		places = append(places, p)
	}
	return append(buf, marshal(places)...)
}

// line is the way to a department from the first level; the root's is itself.
func (n *node) line() []*node {
	if n.parent == nil {
		return []*node{n}
	}
	var line []*node
	for at := n; at.parent != nil; at = at.parent {
		line = append([]*node{at}, line...)
	}
	return line
}

// joinNames is a path, or nothing where a part of it has no name.
func joinNames(names []string) string {
	for _, name := range names {
		if name == "" {
			return ""
		}
	}
	return strings.Join(names, "/")
}
