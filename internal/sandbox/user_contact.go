package sandbox

import (
	"regexp"
	"strings"
)

// mailDomain is the one domain for which the company has mailboxes.
const mailDomain = "mail.sandbox.example.com"

var (
	mainland    = regexp.MustCompile(`^1[0-9]{10}$`)
	foreign     = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	mailAddress = regexp.MustCompile(`^[^@\s]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
	mailPrefix  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)
)

// normalMobile is a number as Feishu keeps it, with its country's code. Numbers
// without one are of the mainland. It is "" for what is no number.
func normalMobile(text string) string {
	number := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(text)
	local, isMainland := strings.CutPrefix(number, "+86")
	switch {
	case isMainland || !strings.HasPrefix(number, "+"):
		if mainland.MatchString(local) {
			return "+86" + local
		}
	case foreign.MatchString(number):
		return number
	}
	return ""
}

// reachable is about the mobile and the e-mail, each of which belongs to one
// person only.
func (w *userWrite) reachable() error {
	b, n, o := &w.body, &w.next, w.c.server.org
	if b.Mobile == nil && b.Email == nil {
		return nil
	}
	if b.Mobile != nil {
		if n.Mobile = normalMobile(*b.Mobile); n.Mobile == "" {
			return refuse(codeMobileInvalid)
		}
	}
	if b.Email != nil {
		email := strings.TrimSpace(*b.Email)
		if email != "" && !mailAddress.MatchString(email) {
			return refuse(codeEmailInvalid)
		}
		if u := w.before; u != nil && !u.Status.IsActivated && u.Email != "" && u.Email == u.EnterpriseEmail && email != u.Email {
			return refuse(codeInactiveMail)
		}
		n.Email = email
	}
	if n.Mobile != "" && n.Email == "" && !strings.HasPrefix(n.Mobile, "+86") {
		return refuse(codeForeignMobile)
	}
	byMobile, byEmail := o.byMobile.current[n.Mobile], o.byEmail.current[n.Email]
	if byMobile == w.before {
		byMobile = nil
	}
	if byEmail == w.before {
		byEmail = nil
	}
	switch {
	case byMobile != nil && byEmail != nil && byMobile != byEmail:
		return refuse(codeAccountConflict)
	case byMobile != nil && byMobile == byEmail && w.how == creating:
		return refuse(codeUserExists)
	case byMobile != nil:
		return refuse(codeMobileTaken)
	case byEmail != nil:
		return refuse(codeEmailTaken)
	}
	return nil
}

// mailbox is about the company's own e-mail, which needs a domain with
// mailboxes.
func (w *userWrite) mailbox() error {
	address := w.body.EnterpriseEmail
	if address == nil || *address == "" || w.before != nil && *address == w.before.EnterpriseEmail {
		set(&w.next.EnterpriseEmail, address)
		return nil
	}
	prefix, domain, _ := strings.Cut(*address, "@")
	taken := false
	switch {
	case domain != mailDomain:
		return refuse(codeMailDomain)
	case !mailPrefix.MatchString(prefix):
		return refuse(codeMailPrefixInvalid)
	}
	if w.c.server.org.another(w.before, func(u *User) bool {
		taken = taken || u.EnterpriseEmail == *address
		return u.Email == *address
	}) {
		return refuse(codeMailIsAccount)
	}
	if taken {
		return refuse(codeMailPrefixTaken)
	}
	w.next.EnterpriseEmail = *address
	return nil
}
