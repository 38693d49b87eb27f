package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/orgmirror/orgmirror/cmd/internal/config"
	"github.com/orgmirror/orgmirror/internal/crawl"
	"github.com/orgmirror/orgmirror/internal/postgres/pgtest"
	"github.com/orgmirror/orgmirror/internal/query"
	"github.com/orgmirror/orgmirror/internal/sandbox"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// pair is one service with two companies, whose ids overlap where Feishu's can.
type pair struct {
	service *Service
	conn    *grpc.ClientConn
	of      map[string]*sandbox.Server // by tenant_key
	texts   map[string]map[string]bool // texts that only this company has
	begun   int64                      // a position of the log when both had been walked once
}

// companies are the two tenants.
var companies = []string{"tenant_a", "tenant_b"}

const pairSecret = "0123456789abcdefghijklmnopqrstuv"

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{of: map[string]*sandbox.Server{}, texts: map[string]map[string]bool{}}
	rates, err := crawl.ParseRates("off")
	must(t, err)
	cfg := config.Config{HTTPListen: "127.0.0.1:0", GRPCListen: "127.0.0.1:0", MetricsListen: "127.0.0.1:0", WebhookListen: "127.0.0.1:0"}
	for i, key := range companies {
		server, err := sandbox.Start(t.Context(), sandbox.Config{
			People: 40, Departments: 8, Seed: uint64(70 + i), AppID: fmt.Sprintf("cli_00000000000000%02d", i), TenantKey: key, TenantName: key,
		})
		must(t, err)
		t.Cleanup(func() { must(t, server.Close()) })
		p.of[key] = server
		server.SetClockSkew(-time.Minute) // so that the first walk is a minute older than the second one
		p.furnish(t, key)
		cfg.Tenants = append(cfg.Tenants, config.Config{
			Several: true, FeishuTenantKey: key, FeishuBaseURL: server.URL(), FeishuAppID: server.AppID(), FeishuAppSecret: server.AppSecret(),
			FeishuRates: rates, Reread: crawl.RereadIncomplete, Events: config.EventsWebhook,
			FeishuVerificationToken: "token " + key, FeishuEncryptKey: "key " + key,
		})
	}
	p.overlap(t)
	for i, key := range companies {
		p.texts[key] = textsOf(t, p.of[key].Truth())
		for text := range textsOf(t, p.of[companies[1-i]].Truth()) {
			delete(p.texts[key], text)
		}
	}
	hash, err := query.HashSecret(pairSecret)
	must(t, err)
	for id, tenants := range map[string][]string{companies[0]: companies[:1], companies[1]: companies[1:], "both": companies} {
		client, err := query.NewHashedClient(query.ClientSpec{
			ID: id, Hash: hash, Roles: []query.Role{query.RoleSensitive, query.RoleOperator}, Tenants: tenants,
		})
		must(t, err)
		cfg.APIClients = append(cfg.APIClients, client)
	}
	db := &Database{Pool: pgtest.DB(t)}
	walk := func(one config.Config) {
		c, err := OpenCrawl(t.Context(), one, db, slog.New(slog.DiscardHandler), nil)
		must(t, err)
		_, err = c.Backfill(t.Context())
		must(t, err)
		must(t, c.Close())
	}
	for _, one := range cfg.Tenants {
		walk(one)
	}
	must(t, db.Pool.QueryRow(t.Context(), `SELECT position FROM mirror.event_log_head`).Scan(&p.begun))
	for i, one := range cfg.Tenants {
		p.of[one.FeishuTenantKey].SetClockSkew(0)
		p.change(t, one.FeishuTenantKey)
		walk(one)
		p.texts[one.FeishuTenantKey][held(i)] = true
		must(t, p.hold(t, db, i))
	}
	p.serve(t, cfg, db)
	return p
}

// held is the id of a sweep of a company that holds removals.
func held(company int) string { return fmt.Sprintf("00000000-0000-0000-0000-00000000000%d", company) }

// hold lets such a sweep have been the last one.
func (p *pair) hold(t *testing.T, db *Database, company int) error {
	t.Helper()
	_, err := db.Pool.Exec(t.Context(), `
		WITH sweep AS (
			INSERT INTO mirror.sweep (sweep_id, tenant_key, app_id, state, started_at, completed_at)
			VALUES ($1, $2, $3, 'complete', now(), now() + interval '1 second')
			RETURNING sweep_id
		), sets AS (
			INSERT INTO mirror.removal_set (sweep_id, entity_kind, state, candidates, live, max_removals)
			SELECT sweep_id, 'user', 'held', 3, 40, 0 FROM sweep
			RETURNING sweep_id
		)
		INSERT INTO mirror.removal (sweep_id, entity_kind, entity_id)
		SELECT sweep_id, 'user', open_id FROM sets, LATERAL (SELECT open_id FROM directory.users WHERE tenant_key = $2 ORDER BY open_id LIMIT 3) AS u`,
		held(company), companies[company], p.of[companies[company]].AppID())
	return err
}

func (p *pair) serve(t *testing.T, cfg config.Config, db *Database) {
	t.Helper()
	var err error
	p.service, err = OpenService(t.Context(), cfg, db, slog.New(slog.DiscardHandler))
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.service.Run(ctx) }()
	p.conn, err = grpc.NewClient(p.service.Addresses.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() {
		must(t, p.conn.Close())
		stop()
		must(t, <-served)
		must(t, p.service.Close())
	})
}

// furnished is the id of a group or unit that a company was given.
func furnished(what, key string, n int) string {
	return fmt.Sprintf("%s%s%d", what, strings.ReplaceAll(key, "_", ""), n)
}

// furnish gives a company two more groups, with its first two people and departments
// by id, and two more units: enough for second pages; and a custom attribute.
func (p *pair) furnish(t *testing.T, key string) {
	t.Helper()
	truth := p.of[key].Truth()
	people, departments := slices.Sorted(maps.Keys(truth.Users))[:2], slices.Sorted(maps.Keys(truth.Departments))[:2]
	for n := range 2 {
		_, err := p.of[key].AddGroup(sandbox.Group{ID: furnished("g", key, n), Name: fmt.Sprintf("group %d of %s", n, key), Type: 1, Users: people, Departments: departments})
		must(t, err)
		_, err = p.of[key].AddUnit(sandbox.Unit{UnitID: furnished("unit", key, n), Name: fmt.Sprintf("unit %d of %s", n, key), UnitType: fmt.Sprint("kind", n)})
		must(t, err)
	}
	_, err := p.of[key].AddCustomAttr(sandbox.CustomAttrDefinition{Type: "TEXT", I18nName: []sandbox.Text{{Locale: "zh_cn", Value: "attribute of " + key}}})
	must(t, err)
}

// change renames two departments of a company and gives its people another title, so
// that there is history.
func (p *pair) change(t *testing.T, key string) {
	t.Helper()
	truth := p.of[key].Truth()
	for id := range truth.Users {
		must(t, p.of[key].ChangeUser(id, func(u *sandbox.User) { u.JobTitle += " anew" }))
	}
	for _, id := range slices.Sorted(maps.Keys(truth.Departments))[:2] {
		must(t, p.of[key].ChangeDepartment(id, func(d *sandbox.Department) { d.Name += " anew" }))
	}
}

// overlap gives people and departments of the second company ids of the first
// one's: their own ids, which each company makes up for itself. What Feishu makes
// up, open_id and union_id, differs.
func (p *pair) overlap(t *testing.T) {
	t.Helper()
	a, b := p.of[companies[0]].Truth(), p.of[companies[1]].Truth()
	taken := map[string]bool{}
	for _, u := range b.Users {
		taken[u.UserID] = true
	}
	for _, d := range b.Departments {
		taken[d.DepartmentID] = true
	}
	people := slices.Sorted(maps.Keys(a.Users))
	for i, id := range slices.Sorted(maps.Keys(b.Users)) {
		if same := a.Users[people[i]]; i%2 == 0 && !taken[same.UserID] {
			must(t, p.of[companies[1]].ChangeUser(id, func(u *sandbox.User) { u.UserID, u.EmployeeNo = same.UserID, same.EmployeeNo }))
		}
	}
	departments := slices.Sorted(maps.Keys(a.Departments))
	for i, id := range slices.Sorted(maps.Keys(b.Departments)) {
		if same := a.Departments[departments[i]]; i%2 == 0 && !taken[same.DepartmentID] {
			must(t, p.of[companies[1]].ChangeDepartment(id, func(d *sandbox.Department) { d.DepartmentID = same.DepartmentID }))
		}
	}
	same := func(of func(sandbox.Truth) []string) (n int) {
		there := of(p.of[companies[0]].Truth())
		for _, id := range of(p.of[companies[1]].Truth()) {
			if slices.Contains(there, id) {
				n++
			}
		}
		return n
	}
	userIDs := same(func(truth sandbox.Truth) (ids []string) {
		for _, u := range truth.Users {
			ids = append(ids, u.UserID)
		}
		return ids
	})
	numbers := same(func(truth sandbox.Truth) (ids []string) {
		for _, u := range truth.Users {
			ids = append(ids, u.EmployeeNo)
		}
		return ids
	})
	departmentIDs := same(func(truth sandbox.Truth) (ids []string) {
		for _, d := range truth.Departments {
			ids = append(ids, d.DepartmentID)
		}
		return ids
	})
	openIDs := same(func(truth sandbox.Truth) []string { return slices.Collect(maps.Keys(truth.Users)) })
	if userIDs < 3 || numbers < 3 || departmentIDs < 2 || openIDs > 0 {
		t.Fatalf("the companies share %d user_ids, %d employee numbers, %d department_ids and %d open_ids", userIDs, numbers, departmentIDs, openIDs)
	}
}

// textsOf are all texts in a company that are long enough to be told from words.
func textsOf(t *testing.T, truth sandbox.Truth) map[string]bool {
	t.Helper()
	raw, err := json.Marshal(truth)
	must(t, err)
	var all any
	must(t, json.Unmarshal(raw, &all))
	found := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if len(v) > 5 {
				found[v] = true
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for key, item := range v {
				walk(key)
				walk(item)
			}
		}
	}
	walk(all)
	return found
}

// words are what is tried in the text fields of requests about a company: ids,
// addresses and names of one person and one department, of each kind, and of one of
// each that shares its ids with the other company.
func (p *pair) words(t *testing.T, key string) []string {
	t.Helper()
	truth := p.of[key].Truth()
	words := []string{"0", key}
	for i, id := range slices.Sorted(maps.Keys(truth.Users))[:2] {
		u := truth.Users[id]
		words = append(words, u.OpenID, u.UserID, u.EmployeeNo)
		if i == 0 {
			words = append(words, u.UnionID, u.Name, u.Email, u.Mobile, u.EnterpriseEmail)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(truth.Departments))[:2] {
		words = append(words, id, truth.Departments[id].DepartmentID)
	}
	// What finds several, so that there is a second page.
	leaders, surnames, signs := map[string]int{}, map[string]int{}, map[string]int{}
	for _, u := range truth.Users {
		surnames[string([]rune(u.Name)[:1])]++
		if u.LeaderUserID != "" {
			leaders[u.LeaderUserID]++
		}
	}
	for _, d := range truth.Departments {
		for _, sign := range d.Name {
			signs[string(sign)]++
		}
	}
	words = append(words, most(surnames), most(signs), most(leaders), truth.Users[most(leaders)].UserID, truth.Users[most(leaders)].UnionID)
	for _, ids := range [][]string{
		slices.Sorted(maps.Keys(truth.Groups)), slices.Sorted(maps.Keys(truth.Units)),
		slices.Sorted(maps.Keys(truth.EmployeeTypes)), slices.Sorted(maps.Keys(truth.CustomAttrs)),
	} {
		if len(ids) > 0 {
			words = append(words, ids[0])
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	slices.Sort(words)
	return slices.Compact(words)
}

func most(times map[string]int) string {
	return slices.MaxFunc(slices.Sorted(maps.Keys(times)), func(a, b string) int { return times[a] - times[b] })
}

// rpc is one method of the service, whatever it is.
type rpc struct {
	path          string
	input, output protoreflect.MessageDescriptor
}

// rpcs are all methods that the server has, those that are added later too.
func (p *pair) rpcs(t *testing.T) (all []rpc) {
	t.Helper()
	for name := range p.service.grpc.GetServiceInfo() {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		must(t, err)
		service := d.(protoreflect.ServiceDescriptor)
		if service.ParentFile().Package() != "orgmirror.v1" {
			continue // health and reflection know no company
		}
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			if m.IsStreamingClient() || m.IsStreamingServer() {
				t.Errorf("%s streams: teach this test to try it", m.FullName())
			}
			all = append(all, rpc{fmt.Sprintf("/%s/%s", name, m.Name()), m.Input(), m.Output()})
		}
	}
	slices.SortFunc(all, func(a, b rpc) int { return cmp.Compare(a.path, b.path) })
	return all
}

// shared are the fields of requests that mean the same everywhere.
var shared = []string{"user_id_type", "department_id_type", "read_mask", "at_least_as_fresh", "page_size", "page_token"}

// tellNobody are the methods whose answers name nobody and nothing of a company:
// that they answer about the right one is all there is to see.
var tellNobody = []string{"/orgmirror.v1.SyncService/GetSyncStatus"}

// decide are the methods that do something, which TestNoDecisionCrossesTenants
// tries.
var decide = []string{
	"/orgmirror.v1.SyncService/StartSweep", "/orgmirror.v1.SyncService/ApproveRemovals", "/orgmirror.v1.SyncService/RejectRemovals",
}

// hints are requests that trying each word in each field does not come to. A method
// whose requests need more than one word has to have some; the test says so.
var hints = map[string]func(p *pair, t *testing.T, key string) []proto.Message{
	"/orgmirror.v1.DirectoryService/TranslateUserIds": func(p *pair, t *testing.T, key string) (all []proto.Message) {
		kinds := []string{"open_id", "union_id", "user_id", "email", "enterprise_email", "mobile", "employee_no"}
		for _, word := range p.words(t, key) {
			for _, kind := range kinds {
				all = append(all, &orgmirrorv1.TranslateUserIdsRequest{Ids: []string{word}, IdType: kind, ToIdTypes: kinds})
			}
		}
		return all
	},
	"/orgmirror.v1.DirectoryService/ListUsers": func(p *pair, t *testing.T, key string) (all []proto.Message) {
		for _, word := range p.words(t, key) {
			for _, filter := range []string{"department_ids:%q", "employee_no = %q", "mobile = %q", "email = %q"} {
				all = append(all, &orgmirrorv1.ListUsersRequest{Filter: fmt.Sprintf(filter, word), DepartmentIdType: "department_id", Recursive: true})
			}
		}
		return all
	},
	"/orgmirror.v1.HistoryService/DiffOrganization": func(p *pair, _ *testing.T, _ string) []proto.Message {
		return []proto.Message{
			&orgmirrorv1.DiffOrganizationRequest{FromPosition: &p.begun},
			&orgmirrorv1.DiffOrganizationRequest{FromPosition: &p.begun, Department: "0", UserIdType: "user_id", DepartmentIdType: "department_id"},
		}
	},
}

// requests are what is tried on a method to learn something of a company.
func (p *pair) requests(t *testing.T, m rpc, key string) (all []proto.Message) {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.input.FullName())
	must(t, err)
	if more := hints[m.path]; more != nil {
		all = more(p, t, key)
	}
	fill := func(ids [2]string, all bool) protoreflect.Message {
		r := kind.New()
		for i, name := range []protoreflect.Name{"user_id_type", "department_id_type"} {
			if f := m.input.Fields().ByName(name); f != nil && ids[i] != "" {
				r.Set(f, protoreflect.ValueOfString(ids[i]))
			}
		}
		for i := range m.input.Fields().Len() {
			if f := m.input.Fields().Get(i); f.Kind() == protoreflect.BoolKind && !f.IsList() && all {
				r.Set(f, protoreflect.ValueOfBool(true))
			}
		}
		return r
	}
	for _, how := range []struct {
		ids   [2]string
		flags bool
	}{{}, {flags: true}, {ids: [2]string{"union_id", "department_id"}}, {[2]string{"user_id", "department_id"}, true}} {
		all = append(all, fill(how.ids, how.flags).Interface())
		for i := range m.input.Fields().Len() {
			f := m.input.Fields().Get(i)
			if f.Kind() != protoreflect.StringKind || f.IsMap() || slices.Contains(shared, string(f.Name())) {
				continue
			}
			for _, word := range p.words(t, key) {
				r := fill(how.ids, how.flags)
				if f.IsList() {
					r.Mutable(f).List().Append(protoreflect.ValueOfString(word))
				} else {
					r.Set(f, protoreflect.ValueOfString(word))
				}
				all = append(all, r.Interface())
			}
		}
	}
	if m.input.Fields().ByName("as_of_position") != nil { // the same of the past
		for _, request := range slices.Clone(all) {
			all = append(all, set(request, "as_of_position", p.begun))
		}
	}
	return all
}

// ask makes a call as a client about a company; of none where about is empty.
func (p *pair) ask(t *testing.T, m rpc, request proto.Message, client, about string) (proto.Message, error) {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.output.FullName())
	must(t, err)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+client+":"+pairSecret)
	if about != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(query.TenantHeader), about)
	}
	answer := kind.New().Interface()
	return answer, p.conn.Invoke(ctx, m.path, request, answer)
}

// textsIn are all texts in a message.
func textsIn(m protoreflect.Message, found map[string]bool) map[string]bool {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		var values []protoreflect.Value
		switch {
		case f.IsList():
			for i := range v.List().Len() {
				values = append(values, v.List().Get(i))
			}
		case !f.IsMap():
			values = []protoreflect.Value{v}
		}
		for _, v := range values {
			switch f.Kind() {
			case protoreflect.StringKind:
				found[v.String()] = true
			case protoreflect.MessageKind:
				textsIn(v.Message(), found)
			default:
			}
		}
		return true
	})
	return found
}

// told are the texts of a company that an answer, or an error, tells although the
// request did not hold them.
func (p *pair) told(key string, request, answer proto.Message, err error) (of []string) {
	said := textsIn(request.ProtoReflect(), map[string]bool{})
	found := textsIn(answer.ProtoReflect(), map[string]bool{})
	if err != nil {
		for _, detail := range status.Convert(err).Proto().GetDetails() {
			found[string(detail.GetValue())] = true
		}
		for text := range p.texts[key] { // in the middle of a sentence
			if !said[text] && strings.Contains(err.Error(), text) {
				of = append(of, text)
			}
		}
	}
	for text := range found {
		if p.texts[key][text] && !said[text] {
			of = append(of, text)
		}
	}
	return of
}

func field(m proto.Message, name protoreflect.Name) string {
	f := m.ProtoReflect().Descriptor().Fields().ByName(name)
	if f == nil {
		return ""
	}
	return m.ProtoReflect().Get(f).String()
}

func set(m proto.Message, name protoreflect.Name, v any) proto.Message {
	m = proto.Clone(m)
	if f := m.ProtoReflect().Descriptor().Fields().ByName(name); f != nil {
		m.ProtoReflect().Set(f, protoreflect.ValueOf(v))
	}
	return m
}

// No call tells a client of one company anything of another one, whatever it asks;
// and each tells the company's own clients something, or nothing would be tested.
func TestNoQueryCrossesTenants(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for _, m := range p.rpcs(t) {
		if slices.Contains(decide, m.path) {
			continue
		}
		for i, victim := range companies {
			stranger := companies[1-i]
			t.Run(m.path[strings.LastIndexByte(m.path, '/')+1:]+" about "+victim, func(t *testing.T) {
				t.Parallel()
				answered, tells := 0, 0
				var last proto.Message
				for _, request := range p.requests(t, m, victim) {
					own, err := p.ask(t, m, request, victim, "")
					if err == nil {
						answered++
						last = request
						if got := field(own, "tenant_key"); got != victim {
							t.Errorf("%v: the answer is about %q", request, got)
						}
						tells += len(p.told(victim, request, own, nil))
					}
					if of := p.told(stranger, request, own, err); len(of) > 0 {
						t.Errorf("%v tells %q of %s", request, of, stranger)
					}
					for _, as := range [][2]string{{stranger, ""}, {"both", stranger}} {
						answer, err := p.ask(t, m, request, as[0], as[1])
						if of := p.told(victim, request, answer, err); len(of) > 0 {
							t.Errorf("%v as %s tells %q of %s", request, as[0], of, victim)
						}
					}
					if answer, err := p.ask(t, m, request, stranger, victim); status.Code(err) != codes.PermissionDenied {
						t.Errorf("%v about a company that is not the client's: %v, %v", request, answer, err)
					}
				}
				if answered == 0 || tells == 0 && !slices.Contains(tellNobody, m.path) {
					t.Fatalf("%d requests were answered and told %d things of %s: nothing is tested; give this method requests in hints", answered, tells, victim)
				}
				p.refusesTokens(t, m, last, victim, stranger)
			})
		}
	}
}

// refusesTokens tries one company's tokens on another.
func (p *pair) refusesTokens(t *testing.T, m rpc, request proto.Message, victim, stranger string) {
	t.Helper()
	if m.input.Fields().ByName("at_least_as_fresh") != nil {
		own, err := p.ask(t, m, request, victim, "")
		must(t, err)
		request := set(request, "at_least_as_fresh", field(own, "consistency_token"))
		if _, err := p.ask(t, m, request, victim, ""); err != nil {
			t.Errorf("the company's own consistency token: %v", err)
		}
		// Where there is no such thing in the other company that is answered before.
		if _, err := p.ask(t, m, request, stranger, ""); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s's consistency token in %s: %v", victim, stranger, err)
		}
	}
	if m.input.Fields().ByName("page_token") == nil {
		return
	}
	for _, request := range p.requests(t, m, victim) {
		request = set(request, "page_size", int32(1))
		own, err := p.ask(t, m, request, victim, "")
		if err != nil || field(own, "next_page_token") == "" {
			continue
		}
		request = set(request, "page_token", field(own, "next_page_token"))
		if _, err := p.ask(t, m, request, victim, ""); err != nil {
			t.Errorf("the company's own page token: %v", err)
		}
		if _, err := p.ask(t, m, request, stranger, ""); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s's page token in %s: %v", victim, stranger, err)
		}
		return
	}
	t.Error("no request has a second page: no page token is tested")
}

// No operator of one company decides anything of another one.
func TestNoDecisionCrossesTenants(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	sync := orgmirrorv1.NewSyncServiceClient(p.conn)
	as := func(client, about string) context.Context {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+client+":"+pairSecret)
		if about != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(query.TenantHeader), about)
		}
		return ctx
	}
	state := func(company int) (state string) {
		must(t, p.service.db.Pool.QueryRow(t.Context(), `SELECT state FROM mirror.removal_set WHERE sweep_id = $1`, held(company)).Scan(&state))
		return state
	}
	eventually(t, "the service can ask both", func() bool {
		return p.service.tenants[0].operator.open.Load() != nil && p.service.tenants[1].operator.open.Load() != nil
	})
	for i := range companies {
		stranger := companies[1-i]
		for _, ctx := range []context.Context{as(stranger, ""), as("both", stranger)} {
			if _, err := sync.RejectRemovals(ctx, &orgmirrorv1.RejectRemovalsRequest{SweepId: held(i)}); status.Code(err) != codes.NotFound {
				t.Errorf("%s rejects what another company's sweep holds: %v", stranger, err)
			}
			if _, err := sync.ApproveRemovals(ctx, &orgmirrorv1.ApproveRemovalsRequest{SweepId: held(i)}); status.Code(err) != codes.NotFound {
				t.Errorf("%s approves what another company's sweep holds: %v", stranger, err)
			}
		}
		if got := state(i); got != "held" {
			t.Errorf("what %s holds is %s", companies[i], got)
		}
	}
	rejected, err := sync.RejectRemovals(as(companies[0], ""), &orgmirrorv1.RejectRemovalsRequest{SweepId: held(0)})
	if err != nil || rejected.GetTenantKey() != companies[0] || state(0) != "rejected" || state(1) != "held" {
		t.Errorf("rejected: %v, %v; then the one is %s and the other %s", rejected, err, state(0), state(1))
	}

	p.of[companies[1]].ClearHistory()
	started, err := sync.StartSweep(as("both", companies[0]), &orgmirrorv1.StartSweepRequest{})
	must(t, err)
	var of string
	must(t, p.service.db.Pool.QueryRow(t.Context(), `SELECT tenant_key FROM mirror.sweep WHERE sweep_id = $1`, started.GetSweepId()).Scan(&of))
	if of != companies[0] || started.GetTenantKey() != companies[0] {
		t.Errorf("the sweep is of %s", of)
	}
	eventually(t, "it is complete", func() bool {
		var state string
		must(t, p.service.db.Pool.QueryRow(t.Context(), `SELECT state FROM mirror.sweep WHERE sweep_id = $1`, started.GetSweepId()).Scan(&state))
		return state == "complete"
	})
	if asked := p.of[companies[1]].History(sandbox.HistoryFilter{Endpoint: "GET /contact/v3/departments*"}); len(asked) > 0 {
		t.Errorf("the other company's Feishu was walked: %v", asked)
	}
}

// What happens in one company changes nothing of the other: neither its tables nor
// what is asked of its Feishu. Both call the same address.
func TestTenantsAreKeptApart(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for _, key := range companies {
		must(t, p.of[key].Subscribe(t.Context(), p.of[key].AppID(), sandbox.Subscription{
			Mode: sandbox.ModeWebhook, URL: "http://" + p.service.Addresses.Webhook + "/webhook/event",
			EncryptKey: sandbox.Secret("key " + key), VerificationToken: sandbox.Secret("token " + key),
		}))
	}
	a, b := companies[0], companies[1]
	name := func(key, userID string) string {
		answer, err := p.ask(t, rpc{"/orgmirror.v1.DirectoryService/GetUser", nil, (&orgmirrorv1.GetUserResponse{}).ProtoReflect().Descriptor()},
			&orgmirrorv1.GetUserRequest{User: userID, UserIdType: "user_id"}, "both", key)
		must(t, err)
		return answer.(*orgmirrorv1.GetUserResponse).GetUser().GetName()
	}
	// Somebody who has the same user_id as somebody of the other company.
	var open [2]string
	var userID string
	for id, u := range p.of[a].Truth().Users {
		for other, v := range p.of[b].Truth().Users {
			if u.UserID == v.UserID {
				open, userID = [2]string{id, other}, u.UserID
			}
		}
	}
	was := name(b, userID)
	p.of[b].ClearHistory()
	must(t, p.of[a].ChangeUser(open[0], func(u *sandbox.User) { u.Name = "改名甲" }))
	eventually(t, "the new name is there", func() bool { return name(a, userID) == "改名甲" })
	if is := name(b, userID); is != was {
		t.Errorf("the other company's person is called %q, was %q", is, was)
	}
	must(t, p.of[b].ChangeUser(open[1], func(u *sandbox.User) { u.Name = "改名乙" }))
	eventually(t, "the other new name is there", func() bool { return name(b, userID) == "改名乙" })
	if is := name(a, userID); is != "改名甲" {
		t.Errorf("the one company's person is called %q", is)
	}
	var foreign int
	must(t, p.service.db.Pool.QueryRow(t.Context(), `
		SELECT count(*) FROM mirror.event_log
		WHERE (tenant_key, app_id) NOT IN (($1, $2), ($3, $4))`, a, p.of[a].AppID(), b, p.of[b].AppID()).Scan(&foreign))
	if foreign != 0 {
		t.Errorf("%d records are of neither", foreign)
	}
	for _, r := range p.of[b].History(sandbox.HistoryFilter{}) {
		if r.App != "" && r.App != p.of[b].AppID() {
			t.Errorf("the other company's Feishu was asked by %q: %s", r.App, r.Endpoint)
		}
	}
	families, err := p.service.metrics.Gather()
	must(t, err)
	of := map[string][]string{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "tenant" && l.GetValue() != "" && !slices.Contains(of[l.GetValue()], f.GetName()) {
					of[l.GetValue()] = append(of[l.GetValue()], f.GetName())
				}
			}
		}
	}
	if len(of) != 2 || !slices.Equal(of[a], of[b]) || !slices.Contains(of[a], "orgmirror_users") || !slices.Contains(of[a], "orgmirror_intake_events_total") {
		t.Errorf("metrics by tenant: %v", of)
	}
}
