package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// largestPage is how many entries the service gives at once.
const largestPage = 1000

func newTree() *cobra.Command {
	var depth int
	cmd := &cobra.Command{
		Use:   "tree [DEPARTMENT] [--as-of WHEN]",
		Short: "Show the departments below one, or all, as a tree",
		Long:  "tree asks a running service for the departments below one (its open_department_id), or below the root.",
		Args:  cobra.MaximumNArgs(1),
	}
	cmd.Flags().IntVar(&depth, "depth", 0, "how many levels; 0 is all")
	return asking(cmd, func(cmd *cobra.Command, service orgmirrorv1.DirectoryServiceClient, args []string) error {
		id := "0"
		if len(args) > 0 {
			id = args[0]
		}
		return drawTree(cmd, service, id, depth)
	})
}

func drawTree(cmd *cobra.Command, service orgmirrorv1.DirectoryServiceClient, id string, depth int) error {
	top, err := service.GetDepartment(cmd.Context(), &orgmirrorv1.GetDepartmentRequest{Department: id})
	if err != nil {
		return err
	}
	t := tree{cmd: cmd, service: service, out: cmd.OutOrStdout(), depth: depth}
	fmt.Fprintln(t.out, title(top.GetDepartment()))
	return t.below(id, "", 1)
}

type tree struct {
	cmd     *cobra.Command
	service orgmirrorv1.DirectoryServiceClient
	out     io.Writer
	depth   int
}

// below prints the departments below one. The mirror's tree has no cycles, so
// this ends.
func (t tree) below(id, indent string, level int) error {
	if t.depth > 0 && level > t.depth {
		return nil
	}
	children, err := t.children(id)
	if err != nil {
		return err
	}
	for i, child := range children {
		branch, next := "├── ", "│   "
		if i == len(children)-1 {
			branch, next = "└── ", "    "
		}
		fmt.Fprintln(t.out, indent+branch+title(child))
		if err := t.below(child.GetOpenDepartmentId(), indent+next, level+1); err != nil {
			return err
		}
	}
	return nil
}

func (t tree) children(id string) ([]*orgmirrorv1.Department, error) {
	var all []*orgmirrorv1.Department
	req := &orgmirrorv1.ListDepartmentChildrenRequest{Department: id, PageSize: largestPage}
	for {
		page, err := t.service.ListDepartmentChildren(t.cmd.Context(), req)
		if err != nil {
			return nil, err
		}
		all = append(all, page.GetDepartments()...)
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return all, nil
		}
	}
}

func title(d *orgmirrorv1.Department) string {
	name := printable(d.GetName())
	switch {
	case name != "":
	case d.GetOpenDepartmentId() == "0":
		name = "(root)"
	default:
		name = "(no name)"
	}
	if d.MemberCount != nil {
		name += fmt.Sprintf(" (%d)", d.GetMemberCount())
	}
	return name + "  " + printable(d.GetOpenDepartmentId())
}
