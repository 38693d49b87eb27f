package sandbox

import (
	"slices"
	"time"
)

// lookup finds people by something that is unique among those who are here.
type lookup struct {
	current map[string]*User
	left    map[string][]leaver // people who resigned, in the order in which they did
}

type leaver struct {
	user *User
	at   time.Time
}

func newLookup() lookup {
	return lookup{current: map[string]*User{}, left: map[string][]leaver{}}
}

// add enters a person; left is when they resigned, if they did.
func (l lookup) add(key string, u *User, left time.Time) {
	switch {
	case key == "":
	case u.Status.IsResigned:
		at := len(l.left[key])
		for at > 0 && l.left[key][at-1].at.After(left) {
			at--
		}
		l.left[key] = slices.Insert(l.left[key], at, leaver{u, left})
	default:
		l.current[key] = u
	}
}

func (l lookup) remove(key string, u *User) {
	if l.current[key] == u {
		delete(l.current, key)
	}
	l.left[key] = slices.DeleteFunc(l.left[key], func(other leaver) bool { return other.user == u })
	if len(l.left[key]) == 0 {
		delete(l.left, key)
	}
}

// any prefers the person who is here, else who left last.
func (l lookup) any(key string) *User {
	if u := l.current[key]; u != nil {
		return u
	}
	if left := l.left[key]; len(left) > 0 {
		return left[len(left)-1].user
	}
	return nil
}

// copy is the same of copies of the people, by open_id.
func (l lookup) copy(users map[string]*User) lookup {
	c := newLookup()
	for key, u := range l.current {
		c.current[key] = users[u.OpenID]
	}
	for key, left := range l.left {
		for _, was := range left {
			c.left[key] = append(c.left[key], leaver{users[was.user.OpenID], was.at})
		}
	}
	return c
}
