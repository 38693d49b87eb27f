package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// namesakes is how many people of a name are listed.
const namesakes = 50

func newPerson() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "person NAME|ID [--as-of WHEN]",
		Short: "Show a person by name, by a part of it, by pinyin or initials, or by id",
		Long: "person asks a running service for a person: by open_id (ou_...), union_id (on_...), user_id, or by what a\n" +
			"search finds: the beginning of a name or of a word in it, pinyin, initials. Where several people are found they are listed.",
		Args: cobra.ExactArgs(1),
	}
	return asking(cmd, func(cmd *cobra.Command, service orgmirrorv1.DirectoryServiceClient, args []string) error {
		return showPerson(cmd, service, args[0])
	})
}

func showPerson(cmd *cobra.Command, service orgmirrorv1.DirectoryServiceClient, text string) error {
	p := person{cmd: cmd, service: service, out: cmd.OutOrStdout()}
	found, more, err := p.find(text)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return fmt.Errorf("nobody in the mirror is called %q or has this id", text)
	case len(found) == 1:
		return p.show(found[0])
	default:
		return p.list(found, more)
	}
}

type person struct {
	cmd     *cobra.Command
	service orgmirrorv1.DirectoryServiceClient
	out     io.Writer
}

// find looks for an id of the kind that the text looks like, else for a name,
// else for the company's own id, which may look like anything.
func (p person) find(text string) (found []*orgmirrorv1.User, more bool, err error) {
	switch {
	case strings.HasPrefix(text, "ou_"):
		return p.byID(text, "open_id")
	case strings.HasPrefix(text, "on_"):
		return p.byID(text, "union_id")
	}
	answer, err := p.service.SearchUsers(p.cmd.Context(), &orgmirrorv1.SearchUsersRequest{Query: text, PageSize: namesakes})
	if err != nil {
		return nil, false, err
	}
	found, more = answer.GetUsers(), answer.GetNextPageToken() != ""
	if len(found) == 0 {
		return p.byID(text, "user_id")
	}
	// Those of exactly this name come first; who is only a beginning of it was
	// not meant when there are any.
	exact := slices.DeleteFunc(slices.Clone(found), func(u *orgmirrorv1.User) bool { return !isNamed(u, text) })
	if len(exact) > 0 && len(exact) < len(found) {
		return exact, false, nil
	}
	return found, more, nil
}

func isNamed(u *orgmirrorv1.User, name string) bool {
	return slices.ContainsFunc([]string{u.GetName(), u.GetEnName(), u.GetNickname()}, func(s string) bool {
		return strings.EqualFold(s, strings.TrimSpace(name))
	})
}

func (p person) byID(id, kind string) ([]*orgmirrorv1.User, bool, error) {
	answer, err := p.service.GetUser(p.cmd.Context(), &orgmirrorv1.GetUserRequest{User: id, UserIdType: kind})
	if status.Code(err) == codes.NotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	user := answer.GetUser()
	if kind != "open_id" { // references are answered in the kind that was asked with; show all people alike
		return p.byID(user.GetOpenId(), "open_id")
	}
	return []*orgmirrorv1.User{user}, false, nil
}

func (p person) list(found []*orgmirrorv1.User, more bool) error {
	rows := make([][]string, 0, len(found))
	for _, u := range found {
		department := ""
		if ids := u.GetDepartmentIds(); len(ids) > 0 {
			name, err := p.department(primaryDepartment(u))
			if err != nil {
				return err
			}
			department = name
		}
		rows = append(rows, []string{u.GetOpenId(), u.GetName(), u.GetJobTitle(), department})
	}
	printTable(p.out, []string{"open_id", "name", "title", "department"}, rows)
	if more {
		fmt.Fprintf(p.out, "(the first %d; a longer beginning finds fewer)\n", len(found))
	}
	return nil
}

// show prints one person, a line for each thing known.
func (p person) show(u *orgmirrorv1.User) error {
	p.line("name", u.GetName())
	p.line("English name", u.GetEnName())
	p.line("alias", u.GetNickname())
	p.line("open_id", u.GetOpenId())
	p.line("union_id", u.GetUnionId())
	p.line("user_id", u.GetUserId())
	p.line("employee no.", u.GetEmployeeNo())
	p.line("title", u.GetJobTitle())
	p.line("mobile", u.GetMobile())
	p.line("e-mail", u.GetEmail())
	p.line("work e-mail", u.GetEnterpriseEmail())
	p.line("city", u.GetCity())
	if t := u.GetJoinTime(); t != nil {
		p.line("joined", t.AsTime().Format("2006-01-02"))
	}
	p.line("state", state(u))
	for i, id := range u.GetDepartmentIds() {
		path, err := p.path(id)
		if err != nil {
			return err
		}
		label := "department"
		if i > 0 {
			label = ""
		}
		if len(u.GetDepartmentIds()) > 1 && id == primaryDepartment(u) {
			path += " (primary)"
		}
		p.line(label, path)
	}
	return p.leader(u.GetLeaderUserId())
}

func (p person) leader(id string) error {
	if id == "" {
		return nil
	}
	found, _, err := p.byID(id, "open_id")
	if err != nil {
		return err
	}
	if len(found) > 0 && found[0].GetName() != "" {
		id = found[0].GetName() + "  " + id
	}
	p.line("manager", id)
	return nil
}

func (p person) line(label, value string) {
	if value != "" {
		fmt.Fprintf(p.out, "%-13s %s\n", label, printable(value))
	}
}

// path names a department and those above it, the highest first.
func (p person) path(id string) (string, error) {
	if id == "0" {
		return "(root)", nil
	}
	name, err := p.department(id)
	if err != nil {
		return "", err
	}
	answer, err := p.service.ListDepartmentAncestors(p.cmd.Context(), &orgmirrorv1.ListDepartmentAncestorsRequest{Department: id})
	if status.Code(err) == codes.NotFound {
		return name, nil
	}
	if err != nil {
		return "", err
	}
	for _, above := range answer.GetDepartments() {
		if above.GetOpenDepartmentId() != "0" {
			name = above.GetName() + " / " + name
		}
	}
	return name, nil
}

// department names one department. A person can be in one that the mirror has
// not seen yet.
func (p person) department(id string) (string, error) {
	if id == "0" {
		return "(root)", nil
	}
	answer, err := p.service.GetDepartment(p.cmd.Context(), &orgmirrorv1.GetDepartmentRequest{Department: id})
	if status.Code(err) == codes.NotFound {
		return id, nil
	}
	if err != nil {
		return "", err
	}
	if name := answer.GetDepartment().GetName(); name != "" {
		return name, nil
	}
	return id, nil
}

func primaryDepartment(u *orgmirrorv1.User) string {
	for _, o := range u.GetOrders() {
		if o.GetIsPrimaryDept() {
			return o.GetDepartmentId()
		}
	}
	if ids := u.GetDepartmentIds(); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// state says what is out of the ordinary about an account.
func state(u *orgmirrorv1.User) string {
	var words []string
	if t := u.GetRemovedAt(); t != nil {
		words = append(words, "gone since "+t.AsTime().Format("2006-01-02")+" ("+u.GetRemovedReason()+")")
	}
	s := u.GetStatus()
	if s.GetIsFrozen() {
		words = append(words, "frozen")
	}
	if s.GetIsUnjoin() {
		words = append(words, "has not joined yet")
	}
	return strings.Join(words, ", ")
}
