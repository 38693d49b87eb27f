package query_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/orgmirror/orgmirror/internal/directory/searchkey"
	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// sensitive is what the API promises to keep from readers.
var sensitive = []string{"mobile", "email", "enterprise_email", "employee_no", "gender", "custom_attrs"}

func TestSensitiveFields(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	wantSensitive(t, b, everyRead(t, b, ""))
}

func TestSensitiveFieldsOfThePast(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources", "past")
	b.exec(t, `UPDATE mirror.generation SET search_version = $1`, searchkey.Version)
	b.exec(t, `INSERT INTO history.search_keys VALUES ('t', 'user', false, false, 'an', 'ou_ann')`)
	calls := map[string]func(context.Context) (any, error){}
	for name, q := range questions(t) {
		if q.method.Input().Fields().ByName("as_of") != nil {
			request := atMoment(q.request, moments["as_of_position"])
			calls[name] = func(ctx context.Context) (any, error) { return q.ask(ctx, b, request) }
		}
	}
	wantSensitive(t, b, calls)
}

// wantSensitive checks which clients see sensitive fields in the answers.
func wantSensitive(t *testing.T, b *bundle, calls map[string]func(context.Context) (any, error)) {
	t.Helper()
	for _, test := range []struct {
		client string
		sees   bool
	}{{"reads", false}, {"runs", false}, {"sees", true}, {"all", true}} {
		t.Run(test.client, func(t *testing.T) {
			t.Parallel()
			for name, call := range calls {
				answer, err := call(as(t, test.client))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				message, ok := answer.(proto.Message)
				if !ok {
					t.Fatalf("%s answered %T", name, answer)
				}
				users := usersIn(message.ProtoReflect())
				if len(users) == 0 && mayHold(message.ProtoReflect().Descriptor(), "User") {
					t.Fatalf("%s answered no user: nothing is tested", name)
				}
				shown := map[string]bool{}
				for _, user := range users {
					user.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
						shown[string(field.Name())] = true
						return true
					})
				}
				for _, field := range sensitive {
					if len(users) > 0 && shown[field] != test.sees {
						t.Errorf("%s shows %s: %v, want %v", name, field, shown[field], test.sees)
					}
				}
			}
		})
	}
}

// usersIn finds the users anywhere in a message.
func usersIn(m protoreflect.Message) (users []protoreflect.Message) {
	if m.Descriptor().Name() == "User" {
		return []protoreflect.Message{m}
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				users = append(users, usersIn(value.List().Get(i).Message())...)
			}
		default:
			users = append(users, usersIn(value.Message())...)
		}
		return true
	})
	return users
}

// A token from Feishu's own endpoint is as good here as the secret, and no better.
func TestAccessTokens(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	for _, id := range []string{"reads", "sees"} {
		secrets := map[string]string{"reads": "secret1", "sees": "secret2"}
		token, _, err := b.service.IssueToken(t.Context(), nil, id, secrets[id])
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.users.GetUser(with(t, "Bearer "+token), &pb.GetUserRequest{User: "ou_ann"})
		if err != nil || (got.GetUser().Mobile != nil) != (id == "sees") {
			t.Errorf("with the token of %s: %v, %v", id, got, err)
		}
		_, err = b.users.GetUser(with(t, "Bearer "+token+"x"), &pb.GetUserRequest{User: "ou_ann"})
		wantError(t, err, codes.Unauthenticated, "CREDENTIALS_INVALID")
	}
	if _, _, err := b.service.IssueToken(t.Context(), nil, "nobody", "secret1"); !errors.Is(err, query.ErrClientUnknown) {
		t.Errorf("for nobody: %v", err)
	}
	if _, _, err := b.service.IssueToken(t.Context(), nil, "reads", "secret2"); !errors.Is(err, query.ErrClientSecret) {
		t.Errorf("for a wrong secret: %v", err)
	}
}

func TestSensitiveFieldsInReadMask(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")

	calls := map[string]func(context.Context, *fieldmaskpb.FieldMask) error{}
	for name, q := range questions(t) {
		if mask := q.request.ProtoReflect().Descriptor().Fields().ByName("read_mask"); mask != nil && mayHold(q.method.Output(), "User") {
			calls[name] = func(ctx context.Context, m *fieldmaskpb.FieldMask) error {
				request := proto.Clone(q.request)
				request.ProtoReflect().Set(mask, protoreflect.ValueOfMessage(m.ProtoReflect()))
				_, err := q.ask(ctx, b, request)
				return err
			}
		}
	}
	for name, call := range calls {
		for _, field := range sensitive {
			mask := &fieldmaskpb.FieldMask{Paths: []string{"name", field}}
			for _, client := range []string{"reads", "runs"} {
				info := wantError(t, call(as(t, client), mask), codes.PermissionDenied, "FIELD_NOT_PERMITTED")
				if info.GetMetadata()["field"] != field {
					t.Errorf("%s blames %q, want %q", name, info.GetMetadata()["field"], field)
				}
			}
			for _, client := range []string{"sees", "all"} {
				if err := call(as(t, client), mask); err != nil {
					t.Errorf("%s of %s as %s: %v", name, field, client, err)
				}
			}
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small", "resources")
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

	t.Run("every call needs them", func(t *testing.T) {
		t.Parallel()
		for _, call := range everyRead(t, b, "") {
			_, err := call(t.Context())
			wantError(t, err, codes.Unauthenticated, "CREDENTIALS_MISSING")
			_, err = call(with(t, basic("reads:wrong")))
			wantError(t, err, codes.Unauthenticated, "CREDENTIALS_INVALID")
		}
	})

	for _, authorization := range []string{
		basic("reads:secret1"), "Bearer reads:secret1", "bearer reads:secret1", "BASIC " + strings.TrimPrefix(basic("reads:secret1"), "Basic "),
	} {
		t.Run("accepts "+authorization, func(t *testing.T) {
			t.Parallel()
			if _, err := b.users.GetUser(with(t, authorization), &pb.GetUserRequest{User: "ou_ann"}); err != nil {
				t.Error(err)
			}
		})
	}
	for _, authorization := range []string{
		"", "Basic", "Bearer", "Bearer reads", "Bearer reads:", "Bearer :secret1", "Bearer secret1:reads", "Bearer reads:secret2", "Bearer reads:secret1:reader",
		"Bearer nobody:secret1", "Bearer :", "Basic reads:secret1", "Basic !!!", basic("reads"), basic("reads:secret1 "), "Digest reads:secret1", "reads:secret1",
	} {
		t.Run("refuses "+authorization, func(t *testing.T) {
			t.Parallel()
			_, err := b.users.GetUser(with(t, authorization), &pb.GetUserRequest{User: "ou_ann"})
			wantError(t, err, codes.Unauthenticated, "CREDENTIALS_INVALID")
		})
	}

	t.Run("refuses two at once", func(t *testing.T) {
		t.Parallel()
		_, err := b.users.GetUser(with(t, "Bearer reads:secret1", "Bearer sees:secret2"), &pb.GetUserRequest{User: "ou_ann"})
		wantError(t, err, codes.Unauthenticated, "CREDENTIALS_INVALID")
	})

	t.Run("with no client nobody may read", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(c *query.Config) { c.Clients = nil }, "small")
		for _, authorization := range []string{"Bearer reads:secret1", "Bearer :", "Bearer "} {
			_, err := b.users.GetUser(with(t, authorization), &pb.GetUserRequest{User: "ou_ann"})
			wantError(t, err, codes.Unauthenticated, "CREDENTIALS_INVALID")
		}
	})
}

// Wrong secrets get fewer and fewer answers; the right one of a client that has
// shown it before is looked at nonetheless, and nobody learns which ids there are.
func TestWrongSecretsAreSlowed(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *query.Config) { c.Guesses = 3 }, "small")
	soon, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // so that nobody waits for a turn
	defer cancel()
	get := func(authorization string) error {
		ctx := metadata.AppendToOutgoingContext(soon, "authorization", authorization)
		_, err := b.users.GetUser(ctx, &pb.GetUserRequest{User: "ou_ann"})
		return err
	}
	if err := get("Bearer reads:secret1"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		wantError(t, get("Bearer sees:wrong"), codes.Unauthenticated, "CREDENTIALS_INVALID")
	}
	for _, authorization := range []string{"Bearer sees:wrong", "Bearer sees:secret2", "Bearer nobody:wrong"} {
		wantError(t, get(authorization), codes.ResourceExhausted, "TOO_MANY_WRONG_SECRETS")
	}
	if err := get("Bearer reads:secret1"); err != nil {
		t.Errorf("the right secret is refused while others guess: %v", err)
	}
}

func TestOpenServices(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *query.Config) { c.Clients = nil })

	t.Run("health", func(t *testing.T) {
		t.Parallel()
		got, err := healthpb.NewHealthClient(b.conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil || got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("health = %v, %v, want serving", got.GetStatus(), err)
		}
	})

	t.Run("reflection", func(t *testing.T) {
		t.Parallel()
		stream, err := reflectionpb.NewServerReflectionClient(b.conn).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range got.GetListServicesResponse().GetService() {
			names = append(names, s.GetName())
		}
		for _, want := range []string{"orgmirror.v1.DirectoryService", "orgmirror.v1.SyncService", "grpc.health.v1.Health"} {
			if !slices.Contains(names, want) {
				t.Errorf("reflection lists %v, want %s too", names, want)
			}
		}
	})

	t.Run("anything else is closed, whether it exists or not", func(t *testing.T) {
		t.Parallel()
		err := b.conn.Invoke(t.Context(), "/orgmirror.v1.DirectoryService/DeleteEverything", &emptypb.Empty{}, &emptypb.Empty{})
		wantError(t, err, codes.Unauthenticated, "CREDENTIALS_MISSING")
		stream, err := b.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/orgmirror.v1.Nothing/Watch")
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, stream.RecvMsg(&emptypb.Empty{}), codes.Unauthenticated, "CREDENTIALS_MISSING")
	})
}

func TestParseClients(t *testing.T) {
	t.Parallel()

	for _, list := range []string{"", "  ", "a:b:reader", "a:b:reader+operator,c:d:sensitive", " a:b:reader , c:d:operator "} {
		if _, err := query.ParseClients(list); err != nil {
			t.Errorf("%q: %v", list, err)
		}
	}
	for list, want := range map[string]string{
		"a:hidden":                            "has no role",
		"a:hidden:":                           "has no role",
		"a:hidden:admin":                      `unknown role "admin"`,
		"a:hidden:reader+":                    "unknown role",
		"hidden":                              "id:secret:role",
		"a:hidden:x:reader":                   "id:secret:role",
		":hidden:reader":                      "must be a word",
		"a::reader":                           "secret must not be empty",
		"a b:hidden:reader":                   "must be a word",
		"a:hidden:reader,a:hidden2:reader":    "there twice",
		"a:hidden:reader,":                    "id:secret:role",
		"b:hidden:nobody,c:hidden,a:x:reader": "entry 2",
	} {
		_, err := query.ParseClients(list)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", list, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q: the error shows the secret: %v", list, err)
		}
	}
	if _, err := query.NewClient("a", "b,c", query.RoleReader); err == nil {
		t.Error("a secret with a comma was accepted")
	}
	if _, err := query.NewClient("a", "b"); err == nil {
		t.Error("a client without a role was accepted")
	}
}
