package sandbox

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func company(people, departments int, seed uint64) *organisation {
	return generate(Config{People: people, Departments: departments, Seed: seed}.withDefaults())
}

func TestGeneratedCompaniesAreSound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(0, 2000)).Draw(t, "people")
		departments := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(0, 300)).Draw(t, "departments")
		o := company(people, departments, rapid.Uint64().Draw(t, "seed"))
		if len(o.users) != people || len(o.departments) != departments+1 {
			t.Fatalf("%d people in %d departments", len(o.users), len(o.departments)-1)
		}
		if err := sound(o); err != nil {
			t.Fatal(err)
		}
		for _, u := range o.users {
			if led := chain(o, u); led > people {
				t.Fatal("somebody is led by those whom they lead")
			}
			if u.Name == "" || !utf8.ValidString(u.Name+u.EnName+u.Email) || strings.ContainsAny(u.Email, " ·ü") {
				t.Fatalf("name %q, en_name %q, email %q", u.Name, u.EnName, u.Email)
			}
		}
	})
}

// chain counts the leaders above a person, and gives up on a cycle.
func chain(o *organisation, u *User) int {
	n := 0
	for u.LeaderUserID != "" && n <= len(o.users) {
		u = o.users[u.LeaderUserID]
		n++
	}
	return n
}

func truthOf(o *organisation) string {
	s := &Server{org: o}
	raw, err := json.Marshal(s.Truth())
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func TestTheSeedDecides(t *testing.T) {
	t.Parallel()
	first, again, other := truthOf(company(900, 90, 7)), truthOf(company(900, 90, 7)), truthOf(company(900, 90, 8))
	if first != again {
		t.Error("the same seed makes another company")
	}
	if first == other {
		t.Error("another seed makes the same company")
	}
}

// What a company of some size has in it, so that tests meet it.
func TestTheShapeOfACompany(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{5000, 375}, {20000, 1500}, {1000, 80}} {
		o := company(size[0], size[1], 1)
		var deep, wide, crowd, several, compound, i18n, deputies, unled, alone, attrs, noMail, noMobile, notActive int
		for _, n := range o.departments {
			deep, wide, crowd = max(deep, n.depth()), max(wide, len(n.children)), max(crowd, len(n.members))
			i18n += truth(n.I18nName.EnUS != "")
			deputies += truth(len(n.Leaders) > 1)
			unled += truth(n != o.root && n.LeaderUserID == "")
		}
		for _, u := range o.users {
			several += truth(len(u.Orders) > 1)
			alone += truth(u.LeaderUserID == "")
			attrs += truth(len(u.CustomAttrs) > 0)
			noMail += truth(u.Email == "")
			noMobile += truth(u.Mobile == "")
			notActive += truth(!u.Status.IsActivated)
			for _, s := range compoundSurnames {
				compound += truth(strings.HasPrefix(u.Name, s.han))
			}
			if u.Mobile != "" && (len(u.Mobile) != 14 || !strings.HasPrefix(u.Mobile, "+86")) {
				t.Fatalf("mobile %q", u.Mobile)
			}
		}
		for name, n := range map[string]int{
			"compound surnames": compound, "English names": i18n, "deputies": deputies, "departments without a leader": unled,
			"people without a leader": alone, "custom attributes": attrs, "no e-mail": noMail, "no mobile": noMobile,
			"not activated": notActive, "several departments": several, "root users": len(o.root.members),
		} {
			if n == 0 {
				t.Errorf("%v: nobody and nothing with %s", size, name)
			}
		}
		if deep < 10 || wide < 40 || crowd < 250 || several < size[0]/50 {
			t.Errorf("%v: %d levels, at most %d children, at most %d members, %d people in several departments", size, deep, wide, crowd, several)
		}
	}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestReadingsOfNames(t *testing.T) {
	t.Parallel()
	for _, s := range append(readings(maleGiven), readings(femaleGiven)...) {
		if s.latin == "" || strings.ContainsFunc(s.latin, func(r rune) bool { return r < 'a' || r > 'z' }) {
			t.Errorf("%s reads %q", s.han, s.latin)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		company(20000, 1500, 1)
	}
}
