package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	orgmirrorv1 "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// writeDiffJSON writes one object: the two moments, the counts, and the changes of
// all pages, a line for each.
func writeDiffJSON(w io.Writer, answer pages) error {
	between := "" // what comes before the next change; empty before the first page
	for page, err := range answer {
		if err != nil {
			return err
		}
		if between == "" {
			head, err := compactJSON(&orgmirrorv1.DiffOrganizationResponse{
				From: page.GetFrom(), To: page.GetTo(), Counts: page.GetCounts(), Position: page.Position,
			})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s,\n\"changes\":[", head[:len(head)-1]); err != nil {
				return err
			}
			between = "\n"
		}
		for _, c := range page.GetChanges() {
			text, err := compactJSON(c)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s%s", between, text); err != nil {
				return err
			}
			between = ",\n"
		}
	}
	_, err := io.WriteString(w, "]}\n")
	return err
}

// compactJSON is a message as the API's JSON. (protojson puts spaces in, and not
// always the same.)
func compactJSON(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return compact.Bytes(), nil
}

// writeDiffCSV writes a line for each difference. Several departments are in one
// cell, with "; " between them.
func writeDiffCSV(w io.Writer, answer pages) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{
		"kind", "user", "department", "name_before", "name_after", "departments_before", "departments_after",
		"leads_before", "leads_after", "parent_before", "parent_after", "removed_reason",
	}); err != nil {
		return err
	}
	for page, err := range answer {
		if err != nil {
			return err
		}
		for _, c := range page.GetChanges() {
			before, after := c.GetBefore(), c.GetAfter()
			if err := out.Write([]string{
				c.GetKind(), c.GetUser(), c.GetDepartment(), before.GetName(), after.GetName(),
				references(before.GetDepartments()), references(after.GetDepartments()),
				led(before.GetLeads()), led(after.GetLeads()), reference(before.GetParent()), reference(after.GetParent()), c.GetRemovedReason(),
			}); err != nil {
				return err
			}
		}
		out.Flush()
	}
	return out.Error()
}
