package compat

import (
	"context"
	"slices"
	"strings"

	"github.com/orgmirror/orgmirror/internal/query"
)

func batchGetIDMethods() []method {
	return []method{{name: "POST /contact/v3/users/batch_get_id", people: byUserIDType, handle: batchGetID}}
}

// found is somebody with one of the addresses or numbers asked for.
type found struct {
	email, mobile *string
	id            *string // of the kind asked for
	status        []byte
	gone          *string
}

// batchGetID serves users/batch_get_id: one entry for each e-mail address and then
// each mobile number, with nothing but the question where nobody has it.
//
// The answer tells whose number it is, so it is for clients who may see numbers.
func batchGetID(c *call) error {
	if !c.client.Sees(query.RoleSensitive) {
		return scopeMissing("contact:user.id:readonly")
	}
	var body struct {
		Emails          []string `json:"emails"`
		Mobiles         []string `json:"mobiles"`
		IncludeResigned bool     `json:"include_resigned"`
	}
	if err := c.input(&body); err != nil {
		return err
	}
	if len(body.Emails) > maxBatch {
		return invalidField("emails", "", "the max len is 50")
	}
	if len(body.Mobiles) > maxBatch {
		return invalidField("mobiles", "", "the max len is 50")
	}
	numbers := make([]string, len(body.Mobiles))
	for i, mobile := range body.Mobiles {
		numbers[i] = withCountry(mobile)
	}
	people, err := c.findPeople(body.Emails, numbers, body.IncludeResigned)
	if err != nil {
		return err
	}
	var entries [][]byte
	add := func(key, asked string, is func(found) bool) {
		o := object{}
		o.text(key, asked)
		if i := slices.IndexFunc(people, is); i >= 0 {
			if p := people[i]; p.id != nil {
				o.text("user_id", *p.id)
				c.withheld++ // whose number it is
				if len(p.status) > 0 {
					o["status"] = p.status
				}
			}
		}
		entries = append(entries, o.append(nil))
	}
	for _, email := range body.Emails {
		add("email", email, func(f found) bool { return f.email != nil && *f.email == email })
	}
	for i, mobile := range body.Mobiles {
		add("mobile", mobile, func(f found) bool { return f.mobile != nil && *f.mobile == numbers[i] })
	}
	c.data = object{"user_list": join(entries)}.append(nil)
	return nil
}

// findPeople reads who has any of the addresses and numbers: who is here first, and
// then, if they count, those who resigned, the last one first.
func (c *call) findPeople(emails, mobiles []string, resigned bool) (people []found, err error) {
	texts := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !isID(s) })
	}
	err = c.read(func(ctx context.Context) (now query.Moment, err error) {
		var f found
		people = nil
		args := []any{c.service.Company(ctx), c.kinds.user, texts(emails), texts(mobiles)}
		targets := []any{&f.email, &f.mobile, &f.id, &f.status, &f.gone}
		return now, c.rows(ctx, &now, selectPeople, args, targets, func() error {
			if f.gone == nil || *f.gone == goneResigned && resigned {
				people = append(people, found{f.email, f.mobile, f.id, slices.Clone(f.status), f.gone})
			}
			return nil
		})
	})
	return people, err
}

// The index on addresses is of their lower case; they are compared as they are.
const selectPeople = `WITH found AS (
    SELECT u.open_id
    FROM directory.users AS u
    WHERE u.tenant_key = $1
      AND lower(u.email) = ANY (ARRAY(SELECT lower(x.email) FROM unnest($3::text[]) AS x (email)))
      AND u.email = ANY ($3::text[])
    UNION
    SELECT u.open_id
    FROM directory.users AS u
    WHERE u.tenant_key = $1 AND u.mobile = ANY ($4::text[])
)
SELECT ` + query.MomentColumns + `,
    u.email, u.mobile,
    CASE $2 WHEN 'open_id' THEN u.open_id WHEN 'union_id' THEN u.union_id ELSE u.user_id END,
    u.attributes -> 'status', u.removed_reason` + query.FromMoment + `
LEFT JOIN (found AS f JOIN directory.users AS u ON u.tenant_key = $1 AND u.open_id = f.open_id) ON true
ORDER BY u.removed_at IS NOT NULL, u.removed_at DESC, u.open_id`

// withCountry completes a mainland number, which may come without its code.
func withCountry(mobile string) string {
	if strings.HasPrefix(mobile, "+") {
		return mobile
	}
	return "+86" + mobile
}
