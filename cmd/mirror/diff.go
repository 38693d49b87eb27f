package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// formatCSV is one more form of output: of the differences.
const formatCSV = "csv"

func newDiff() *cobra.Command {
	var (
		asked  diffFlags
		format string
	)
	cmd := &cobra.Command{
		Use:   "diff --from WHEN [--to WHEN]",
		Short: "Show what changed in the organisation between two moments",
		Long: "diff asks a running service who joined, left, came back, moved, was renamed and leads what, and which departments\n" +
			"came, went, moved and were renamed, between two moments. What happened and was undone in between is no difference.\n\n" +
			whenHelp,
		Example: "  mirror diff --from 2026-03-01 --to 2026-04-01\n" +
			"  mirror diff --from 2026-03-01 --department od-4e6ac4d14bcd5071a37a39de902c7141 --format csv > march.csv",
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&asked.from, "from", "", "the first moment")
	flags.StringVar(&asked.to, "to", "", "the second moment; now where it is not given")
	flags.BoolVar(&asked.recorded, "recorded", false, "instants are on the database's clock")
	flags.StringVar(&asked.department, "department", "", "only this department (its open_department_id) and what is below it")
	flags.StringSliceVar(&asked.kinds, "kind", nil, "only differences of this kind, such as joined or department_moved; can be given several times")
	flags.StringVar(&format, "format", formatText, "text, json or csv")
	return calling(cmd, func(cmd *cobra.Command, conn grpc.ClientConnInterface, _ []string) error {
		write, known := diffWriters[format]
		req, err := asked.request(time.Local)
		if !known {
			err = joined(err, fmt.Errorf("--format: %q: must be text, json or csv", format))
		}
		if err != nil {
			return cli.Usage(err)
		}
		return write(cmd.OutOrStdout(), diffPages(cmd.Context(), orgmirrorv1.NewHistoryServiceClient(conn), req))
	})
}

// diffFlags are the flags that say what to compare.
type diffFlags struct {
	from, to   string
	recorded   bool
	department string
	kinds      []string
}

func (f diffFlags) request(zone *time.Location) (*orgmirrorv1.DiffOrganizationRequest, error) {
	req := &orgmirrorv1.DiffOrganizationRequest{Department: f.department, Kinds: f.kinds, PageSize: largestPage}
	if f.from == "" {
		return nil, errors.New("--from: must be given: an instant, a day or a position")
	}
	from, fromPosition, fromErr := when("--from", f.from, zone)
	to, toPosition, toErr := when("--to", f.to, zone)
	if fromErr != nil || toErr != nil {
		return nil, joined(fromErr, toErr)
	}
	req.FromPosition, req.ToPosition = fromPosition, toPosition
	if f.recorded {
		req.FromRecorded, req.ToRecorded = from, to
	} else {
		req.From, req.To = from, to
	}
	return req, nil
}

// when reads an instant, a day or a position; the empty text is none of them.
func when(flag, text string, zone *time.Location) (instant *timestamppb.Timestamp, position *int64, err error) {
	if text == "" {
		return nil, nil, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return nil, &n, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return timestamppb.New(t), nil, nil
		}
	}
	return nil, nil, fmt.Errorf("%s: %q: must be an instant (2026-03-01T09:00:00Z), a day (2026-03-01) or a position of the log", flag, text)
}

// pages are those of an answer, each asked for when it is needed.
type pages = iter.Seq2[*orgmirrorv1.DiffOrganizationResponse, error]

func diffPages(ctx context.Context, service orgmirrorv1.HistoryServiceClient, req *orgmirrorv1.DiffOrganizationRequest) pages {
	return func(yield func(*orgmirrorv1.DiffOrganizationResponse, error) bool) {
		for {
			page, err := service.DiffOrganization(ctx, req)
			if !yield(page, err) || err != nil || page.GetNextPageToken() == "" {
				return
			}
			req = proto.CloneOf(req)
			req.PageToken = page.GetNextPageToken()
		}
	}
}

// diffWriters write an answer, page by page, in the forms that there are.
var diffWriters = map[string]func(io.Writer, pages) error{
	formatText: writeDiffText, formatJSON: writeDiffJSON, formatCSV: writeDiffCSV,
}

// references names departments on one line.
func references(list []*orgmirrorv1.DepartmentReference) string {
	names := make([]string, len(list))
	for i, d := range list {
		names[i] = reference(d)
	}
	return strings.Join(names, "; ")
}

func reference(d *orgmirrorv1.DepartmentReference) string {
	switch {
	case d == nil:
		return ""
	case d.GetName() != "":
		return d.GetName()
	case d.GetDepartment() == "0":
		return "(root)"
	default:
		return d.GetDepartment()
	}
}

// led are the departments of one leadership after another; deputies say so.
func led(list []*orgmirrorv1.Leadership) string {
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = reference(l.GetDepartment())
		if l.GetLeaderType() != 1 {
			names[i] += " (deputy)"
		}
	}
	return strings.Join(names, "; ")
}

// gained are the leaderships of one state that the other has not, or has as a
// deputy.
func gained(before, after *orgmirrorv1.OrganizationState) []*orgmirrorv1.Leadership {
	return slices.DeleteFunc(slices.Clone(after.GetLeads()), func(l *orgmirrorv1.Leadership) bool {
		return slices.ContainsFunc(before.GetLeads(), func(had *orgmirrorv1.Leadership) bool {
			return had.GetDepartment().GetDepartment() == l.GetDepartment().GetDepartment() && had.GetLeaderType() <= l.GetLeaderType()
		})
	})
}
