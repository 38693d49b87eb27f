package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgmirror/orgmirror/cmd/internal/cli"
	"github.com/orgmirror/orgmirror/internal/projector"
)

func newVerify() *cobra.Command {
	var sample string
	var seed int64
	o := &onProjector{}
	cmd := o.command(&cobra.Command{
		Use:   "verify",
		Short: "Compare every row of the tables with what the log says",
		Long: "verify folds the whole log again and compares every column of every row, current and history, with what comes of it. It also\n" +
			"checks that in history each entity has one version that lasts and none that overlap, and that the log has no holes. Where\n" +
			"something is wrong the exit code is 6, and each row that differs is named with its fields; values are shown on request.\n\n" +
			"It leaves nothing behind, and needs room for a second read model meanwhile. --sample compares some people only, and everything\n" +
			"that is no person. Run it as a role that owns the tables. VACUUM of the whole database waits meanwhile.",
	}, func(ctx context.Context) error { return o.verify(ctx, sample, seed) })
	cmd.Flags().StringVar(&sample, "sample", "", "how many people, as a number or as a percentage (500, 5%); all by default")
	cmd.Flags().Int64Var(&seed, "seed", 0, "which people; by the clock where it is 0")
	o.listing(cmd)
	return cmd
}

func (o *onProjector) verify(ctx context.Context, sample string, seed int64) error {
	opts := projector.VerifyOptions{Limit: o.limit, Progress: stages(o.errOut)}
	var err error
	if opts.Sample, err = parseSample(sample); err != nil {
		return err
	}
	if o.limit < 0 {
		return cli.Usage(errors.New("--limit must be 0 or more"))
	}
	if opts.Sample.Seed = seed; seed == 0 {
		opts.Sample.Seed = time.Now().UnixNano()
	}
	result, err := o.projector.Verify(ctx, opts)
	if err != nil && !errors.Is(err, projector.ErrDifferent) {
		return err
	}
	hide(&result.Report, o.values)
	if o.format == formatJSON {
		return errors.Join(writeJSON(o.out, result), cli.Told(err))
	}
	o.printReport(result.Report)
	what := fmt.Sprintf("verified %d tables at position %d", len(result.Tables), result.Position)
	if result.People != nil {
		what += fmt.Sprintf(", with %d people (--seed %d)", *result.People, opts.Sample.Seed)
	}
	if err == nil {
		fmt.Fprintln(o.out, what+": they are what the log says")
	} else {
		fmt.Fprintf(o.out, "%s: %d rows differ, %d rules are broken\n", what, result.Differs(), len(result.Broken))
	}
	return cli.Told(err)
}

// parseSample reads a number of people or a percentage of them.
func parseSample(text string) (s projector.Sample, err error) {
	bad := cli.Usage(fmt.Errorf("--sample: %q: write a number of people, or a percentage from 0 to 100 as 5%%", text))
	percent, isPercent := strings.CutSuffix(text, "%")
	switch {
	case text == "":
		return s, nil
	case isPercent:
		if s.Percent, err = strconv.ParseFloat(percent, 64); err != nil || !(s.Percent > 0 && s.Percent <= 100) {
			return s, bad
		}
	default:
		if s.People, err = strconv.Atoi(text); err != nil || s.People < 1 {
			return s, bad
		}
	}
	return s, nil
}

// hide takes the values out of a report: its fields' names tell enough, unless
// somebody asks for them.
func hide(r *projector.Report, show bool) {
	if show {
		return
	}
	for i := range r.Differences {
		for j := range r.Differences[i].Fields {
			f := &r.Differences[i].Fields[j]
			f.Table, f.Log = nil, nil
		}
	}
}

func (o *onProjector) printReport(r projector.Report) {
	var rows [][]string
	for _, b := range r.Broken {
		rows = append(rows, []string{b.Table, b.Rule, strconv.FormatInt(b.Count, 10)})
	}
	if len(rows) > 0 {
		printTable(o.out, []string{"table", "rule that is broken", "times"}, rows)
	}
	rows = nil
	for _, d := range r.Differences {
		first := []string{d.Table, keyText(d.Key), d.What}
		if len(d.Fields) == 0 {
			rows = append(rows, append(first, "", "", ""))
		}
		for _, f := range d.Fields {
			rows = append(rows, append(first[:3:3], f.Name, string(f.Table), string(f.Log)))
		}
	}
	headings := []string{"table", "row", "is", "field", "in the table", "of the log"}
	if !o.values {
		headings = headings[:4]
		for i := range rows {
			rows[i] = rows[i][:4]
		}
	}
	if len(rows) > 0 {
		printTable(o.out, headings, rows)
	}
	if n := r.Differs(); n > int64(len(r.Differences)) {
		fmt.Fprintf(o.out, "(%d of %d rows that differ; --limit 0 shows all)\n", len(r.Differences), n)
	}
}

// keyText is a row's key, without what every row has.
func keyText(key map[string]json.RawMessage) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(key)) {
		if name != "tenant_key" || len(key) == 1 {
			parts = append(parts, strings.Trim(string(key[name]), `"`))
		}
	}
	return strings.Join(parts, " ")
}
