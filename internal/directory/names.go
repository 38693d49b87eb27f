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
	switch s.Key.Kind {
	case KindUser:
		u := User{
			Name: s.text(fieldName), EnName: s.text("en_name"), Nickname: s.text("nickname"),
			Email: s.text("email"), EnterpriseEmail: s.text("enterprise_email"), EmployeeNo: s.text("employee_no"),
		}
		return u.Names()
	case KindDepartment:
		d := Department{Name: s.text(fieldName), I18nName: s.value("i18n_name")}
		return d.Names()
	default:
		return Names{}
	}
}

// Names is what the user is searched by.
func (u *User) Names() Names {
	return Names{
		Name: orEmpty(u.Name), EnName: orEmpty(u.EnName), Nickname: orEmpty(u.Nickname),
		Email: orEmpty(u.Email), EnterpriseEmail: orEmpty(u.EnterpriseEmail), EmployeeNo: orEmpty(u.EmployeeNo),
		Person: true,
	}
}

// Names is what the department is searched by.
func (d *Department) Names() Names {
	return Names{Name: orEmpty(d.Name), I18nName: string(d.I18nName)}
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
