package sandbox_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/orgmirror/orgmirror/internal/sandbox"
)

// news is an event as tests look at it.
type news struct {
	Type      string
	Object    object
	OldObject object
}

// news returns what an app was told since the last call.
func (k *kit) news(app string) []news {
	k.t.Helper()
	var out []news
	for _, e := range k.Events(app) {
		body := decodeAs[struct {
			Object    object
			OldObject object `json:"old_object"`
		}](k.t, e.Event)
		out = append(out, news{e.Type, body.Object, body.OldObject})
	}
	k.ForgetEvents(app)
	return out
}

// only is the one event that an app was told since the last call.
func (k *kit) only(app, eventType string) news {
	k.t.Helper()
	all := k.news(app)
	if len(all) != 1 || all[0].Type != eventType {
		k.t.Fatalf("events %+v, want one %s", all, eventType)
	}
	return all[0]
}

// types lists the types of the events since the last call.
func (k *kit) types(app string) string {
	k.t.Helper()
	var out []string
	for _, n := range k.news(app) {
		out = append(out, strings.TrimSuffix(strings.TrimPrefix(n.Type, "contact."), "_v3"))
	}
	return strings.Join(out, " ")
}

// must stops the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// addUser brings somebody in.
func (k *kit) addUser(u sandbox.User) sandbox.User {
	k.t.Helper()
	added, err := k.AddUser(u)
	must(k.t, err)
	return added
}

// addDepartment makes a department.
func (k *kit) addDepartment(name, parent string) string {
	k.t.Helper()
	d, err := k.AddDepartment(sandbox.Department{Name: name, ParentDepartmentID: parent})
	must(k.t, err)
	return d.OpenDepartmentID
}

func (k *kit) addUnit(id string) {
	k.t.Helper()
	_, err := k.AddUnit(sandbox.Unit{UnitID: id, Name: id, UnitType: "子公司"})
	must(k.t, err)
}

// app lets another app in, with permissions and a range.
func (k *kit) app(a sandbox.App) string {
	k.t.Helper()
	a.Secret = "secret"
	must(k.t, k.AddApp(a))
	return a.ID
}

// options changes the unconfirmed behaviours.
func (k *kit) options(change func(*sandbox.Options)) { k.SetOptions(change) }

// settle waits until every event is delivered or lost.
func (k *kit) settle() {
	k.t.Helper()
	ctx, cancel := contextFor(k.t, 20*time.Second)
	defer cancel()
	must(k.t, k.WaitEvents(ctx))
}

func rawOf(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// contextFor bounds a wait.
func contextFor(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
