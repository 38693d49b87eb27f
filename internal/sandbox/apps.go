package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// App is an application that may call the service and may be told of events.
type App struct {
	ID     string `json:"app_id"`
	Secret string `json:"app_secret"`
	// Store makes it an app of the marketplace: it needs an app_ticket for its
	// tokens, may not write, and some fields are not for it.
	Store bool `json:"store,omitempty"`
	// Permissions are scopes by Feishu's names. None at all, null in JSON, stand
	// for every one there is; an empty list for none.
	Permissions []string `json:"permissions"`
	// Range is whom the app may see; nothing stands for everybody.
	Range Range `json:"range"`
	// MonthlyCalls answers 99991403 above so many calls in a calendar month
	// (UTC); 0 is no limit.
	MonthlyCalls int `json:"monthly_calls,omitempty"`
}

// app is an App at work. Server.mu guards what is not said to guard itself.
type app struct {
	id, secret string
	store      bool
	primary    bool // the app whose open_ids are those of the organisation

	granted map[string]bool
	reach   Range
	covered coverage // of reach, remembered

	hidden, hiddenInEvents map[Kind]map[string]bool

	limiters []limiter // by endpoint.index
	slow     limiter   // of changes of department_ids or is_frozen
	quota    quota
	openIDs  openIDs
}

func newApp(a App, endpoints []*endpoint) *app {
	made := &app{
		id: a.ID, secret: a.Secret, store: a.Store, reach: a.Range,
		granted:  map[string]bool{},
		limiters: make([]limiter, len(endpoints)),
		slow:     limiter{windows: tier5},
		quota:    quota{calls: a.MonthlyCalls},
	}
	if a.Permissions == nil {
		a.Permissions = Permissions()
	}
	for _, scope := range a.Permissions {
		made.granted[scope] = true
	}
	for i, e := range endpoints {
		made.limiters[i].windows = e.tier
	}
	return made
}

// may tells whether the app holds any of some scopes.
func (a *app) may(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(scope string) bool { return a.granted[scope] })
}

// quota counts an app's calls of a calendar month.
type quota struct {
	mu    sync.Mutex
	calls int // allowed; 0 is no limit
	used  int
	month time.Time
}

// take counts a call, unless there is none left.
func (q *quota) take(now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now = now.UTC()
	if month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC); !month.Equal(q.month) {
		q.month, q.used = month, 0
	}
	if q.calls > 0 && q.used >= q.calls {
		return refuse(codeQuota)
	}
	q.used++
	return nil
}

func (q *quota) allow(calls int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls = calls
}

// openIDs translates between the organisation's open_ids, which are those of
// the first app, and another app's own.
type openIDs struct {
	mu        sync.Mutex
	canonical map[string]string // by the app's own
	people    uint64            // organisation.peopleChanges when it was made
}

// openID is the open_id by which this app knows a person.
func (a *app) openID(canonical string) string {
	if a == nil || a.primary || canonical == "" {
		return canonical
	}
	sum := sha256.Sum256([]byte(a.id + "\x00" + canonical))
	return "ou_" + hex.EncodeToString(sum[:16])
}

// canonical is the organisation's open_id for one of the app's own, "" where it
// is none.
func (a *app) canonical(openID string, org *organisation) string {
	if a == nil || a.primary {
		return openID
	}
	a.openIDs.mu.Lock()
	defer a.openIDs.mu.Unlock()
	if id, ok := a.openIDs.canonical[openID]; ok || a.openIDs.people == org.peopleChanges && a.openIDs.canonical != nil {
		return id
	}
	a.openIDs.people = org.peopleChanges
	a.openIDs.canonical = make(map[string]string, len(org.users))
	for id := range org.users {
		a.openIDs.canonical[a.openID(id)] = id
	}
	return a.openIDs.canonical[openID]
}

// AddApp lets another app in. Each app has open_ids, tokens, permissions, a
// range, rates and events of its own.
func (s *Server) AddApp(a App) error {
	if a.ID == "" || a.Secret == "" {
		return errors.New("add app: it needs app_id and app_secret")
	}
	known := Permissions()
	for _, scope := range a.Permissions {
		if !slices.Contains(known, scope) {
			return errUnknown("scope", scope)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apps[a.ID] != nil {
		return errors.New("add app: the app_id is taken")
	}
	if err := s.org.checkRange(a.Range); err != nil {
		return err
	}
	s.apps[a.ID] = newApp(a, s.endpoints)
	s.apps[a.ID].hideFields(s.hidden)
	return nil
}

// app finds an app by its id; nil where there is none. No app ever goes.
func (s *Server) app(id string) *app {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.apps[id]
}

// Apps lists the apps as they are now, by id.
func (s *Server) Apps() []App {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []App
	for _, id := range slices.Sorted(maps.Keys(s.apps)) {
		a := s.apps[id]
		list = append(list, App{
			ID: a.id, Secret: a.secret, Store: a.store, Range: a.reach.clone(),
			Permissions: slices.Sorted(maps.Keys(a.granted)), MonthlyCalls: a.quota.calls,
		})
	}
	return list
}

// GrantScope gives an app a permission, by Feishu's name of it.
func (s *Server) GrantScope(appID, scope string) error {
	return s.changeScopes(appID, scope, func(granted map[string]bool) { granted[scope] = true })
}

// RevokeScope takes a permission from an app: endpoints that no other one allows
// answer 99991672, and fields that no other one shows are left out.
func (s *Server) RevokeScope(appID, scope string) error {
	return s.changeScopes(appID, scope, func(granted map[string]bool) { delete(granted, scope) })
}

func (s *Server) changeScopes(appID, scope string, change func(map[string]bool)) error {
	if !slices.Contains(Permissions(), scope) {
		return errUnknown("scope", scope)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	if a == nil {
		return errUnknown("app", appID)
	}
	change(a.granted)
	a.hideFields(s.hidden)
	return nil
}

// SetMonthlyCalls sets how many calls an app has in a calendar month; 0 is no
// limit.
func (s *Server) SetMonthlyCalls(appID string, calls int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	if a == nil {
		return errUnknown("app", appID)
	}
	a.quota.allow(calls)
	return nil
}
