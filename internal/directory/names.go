package directory

// Names is what a person or a department is searched by. Two that are equal are
// found by the same queries. What an entity does not have is empty.
type Names struct {
	Name     string
	EnName   string // of a person
	Nickname string // of a person
	I18nName string // of a department: a JSON object, names by locale

	// Sensitive, of a person.
	Email           string
	EnterpriseEmail string
	EmployeeNo      string

	Person bool // the name begins with a surname
}

// NamesOf shows by what a state is searched; the zero Names where nobody has seen
// the entity, or where its kind is not searched.
func NamesOf(s *State) Names {
	if !s.Known() {
		return Names{}
	}
	text := func(field string) string {
		if t := s.text(field); t != nil {
			return *t
		}
		return ""
	}
	switch s.Key.Kind {
	case KindUser:
		return Names{
			Name: text(fieldName), EnName: text("en_name"), Nickname: text("nickname"),
			Email: text("email"), EnterpriseEmail: text("enterprise_email"), EmployeeNo: text("employee_no"),
			Person: true,
		}
	case KindDepartment:
		return Names{Name: text(fieldName), I18nName: string(s.value("i18n_name"))}
	default:
		return Names{}
	}
}
