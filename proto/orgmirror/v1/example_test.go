package orgmirrorv1_test

import (
	"context"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// client are the id and the secret of an API client (MIRROR_API_CLIENTS), sent with
// each call.
type client struct{ id, secret string }

func (c client) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + c.id + ":" + c.secret}, nil
}

// RequireTransportSecurity should be true where the network is not your own.
func (c client) RequireTransportSecurity() bool { return false }

// A client asks who works in a department and below it, page by page, and who
// leads one of them, not older than what it has seen already.
func Example() {
	address, stop := serve() // yours is MIRROR_GRPC_LISTEN
	defer stop()

	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(client{"hr-portal", "secret"}))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	ctx := context.Background()
	mirror := orgmirrorv1.NewDirectoryServiceClient(conn)

	var seen string // a consistency token
	request := &orgmirrorv1.ListDepartmentUsersRequest{
		Department: "0", Recursive: true, PageSize: 2,
		ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"open_id", "name", "job_title", "leader_user_id"}},
	}
	for {
		page, err := mirror.ListDepartmentUsers(ctx, request)
		if err != nil {
			panic(err)
		}
		for _, user := range page.GetUsers() {
			fmt.Println(user.GetName(), user.GetJobTitle())
		}
		seen = page.GetConsistencyToken()
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}

	answer, err := mirror.GetUser(ctx, &orgmirrorv1.GetUserRequest{User: "ou_wang", AtLeastAsFresh: seen})
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.GetUser().GetName(), "reports to", answer.GetUser().GetLeaderUserId())
	fmt.Println("mobile number:", answer.GetUser().Mobile == nil, "- which takes the role sensitive")

	_, err = mirror.GetUser(ctx, &orgmirrorv1.GetUserRequest{User: "ou_nobody"})
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			fmt.Println(status.Code(err), info.GetReason())
		}
	}

	// Output:
	// 陈静 总经理
	// 李娜 工程师
	// 王伟 研发总监
	// 王伟 reports to ou_chen
	// mobile number: true - which takes the role sensitive
	// NotFound USER_NOT_FOUND
}
