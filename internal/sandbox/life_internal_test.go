package sandbox

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fixed is a clock that stands: people are hired today.
func fixed() time.Time { return time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC) }

// Whatever life does, the company stays sound and about as large as it was, and
// the seed decides everything.
func TestLifeKeepsTheCompanySound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{
			People: rapid.IntRange(0, 60).Draw(t, "people"), Departments: rapid.IntRange(0, 15).Draw(t, "departments"),
			Seed: rapid.Uint64Range(0, 100).Draw(t, "seed"), Shape: rapid.SampledFrom(Shapes()).Draw(t, "shape"), Clock: fixed,
		}.withDefaults()
		s := newServer(cfg)
		steps := rapid.IntRange(1, 80).Draw(t, "steps")
		for range steps {
			s.LiveOnce(1)
			if err := sound(s.org); err != nil {
				t.Fatalf("after %v: %v", s.Life().Changes, err)
			}
		}
		siblingsDiffer(t, s.org)
		for _, u := range s.org.users {
			if chain(s.org, u) > len(s.org.users) {
				t.Fatalf("somebody is led by those whom they lead, after %v", s.Life().Changes)
			}
		}
		again := newServer(cfg)
		again.LiveOnce(steps)
		if truthOf(s.org) != truthOf(again.org) {
			t.Fatal("the same seed lives another life")
		}
	})
}

func TestLifeGoesOnAndOn(t *testing.T) {
	t.Parallel()
	s := newServer(Config{People: 400, Departments: 40, Seed: 1, Clock: fixed}.withDefaults())
	made := s.LiveOnce(6000)
	for _, kind := range []string{
		"hire", "leave", "return", "move", "promote", "retitle", "edit", "rename", "freeze",
		"open_department", "close_department", "rename_department", "move_department",
	} {
		if made[kind] < 10 {
			t.Errorf("%s happened %d times in 6000", kind, made[kind])
		}
	}
	truth := s.Truth()
	if n := len(truth.Users); n < 300 || n > 500 {
		t.Errorf("400 people have become %d", n)
	}
	if n := len(truth.Departments); n < 25 || n > 55 {
		t.Errorf("40 departments have become %d", n)
	}
	if n := len(truth.Resigned); n > 150 {
		t.Errorf("%d people who left are kept", n)
	}
	led := 0
	for _, u := range truth.Users {
		led += truthy(u.LeaderUserID)
	}
	if led < len(truth.Users)*3/4 {
		t.Errorf("only %d of %d people have a leader", led, len(truth.Users))
	}
}

func truthy(s string) int { return truth(s != "") }

// Changes that come from elsewhere are seen.
func TestLifeBesidesOtherChanges(t *testing.T) {
	t.Parallel()
	s := newServer(Config{People: 50, Departments: 8, Seed: 2, Clock: fixed}.withDefaults())
	for i := range 60 {
		s.LiveOnce(3)
		for id, u := range s.Truth().Users {
			if !u.IsTenantManager {
				if err := s.EraseUser(id); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		if _, err := s.AddUser(User{Name: "新人"}); err != nil {
			t.Fatal(err)
		}
		if err := sound(s.org); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
	}
}
