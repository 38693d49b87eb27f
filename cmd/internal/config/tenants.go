package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orgmirror/orgmirror/internal/query"
)

// tenantsKey is the list of companies in the configuration file. It stands in no
// variable and no flag.
const tenantsKey = "tenants"

// ownKeys are the settings that no two companies share, by their names in an entry
// of the list. Where there is a list they stand nowhere else.
var ownKeys = map[string]string{
	"tenant_key":         "feishu_tenant_key",
	"app_id":             "feishu_app_id",
	"app_secret":         "feishu_app_secret",
	"verification_token": "feishu_verification_token",
	"encrypt_key":        "feishu_encrypt_key",
}

// otherKeys are settings that an entry may have otherwise than the rest.
var otherKeys = map[string]string{
	"base_url":       "feishu_base_url",
	"rate":           "feishu_rate",
	"monthly_calls":  "feishu_monthly_calls",
	"events":         "events",
	"sweep_interval": "sweep_interval",
	"max_removals":   "max_removals",
	"poll_intervals": "poll_intervals",
}

// EachTenant are the settings of each company: themselves, where there is only
// one.
func (c Config) EachTenant() []Config {
	if c.Tenants == nil {
		return []Config{c}
	}
	return c.Tenants
}

// takeTenants takes the list out of what the file says, and returns its entries.
func (l *loader) takeTenants(found layer, path string) {
	list, there := found[tenantsKey]
	if !there {
		return
	}
	delete(found, tenantsKey)
	entries, ok := list.([]any)
	for _, entry := range entries {
		entry, isMapping := entry.(layer)
		ok = ok && isMapping
		l.entries = append(l.entries, entry)
	}
	if !ok || len(entries) == 0 {
		l.entries = nil
		l.problem("%s in %s: must be a list, with an entry of tenant_key, app_id and more for each company", tenantsKey, path)
	}
	l.path = path
}

// several reads the settings where there is a list of companies.
func (l *loader) several(needs []string) Config {
	for _, key := range slices.Sorted(maps.Values(ownKeys)) {
		if l.get(key).text != "" {
			l.problem("%s: there are %s in %s, and this belongs into an entry of them; remove it here", l.name(key), tenantsKey, l.path)
		}
	}
	var all []Config
	for i, entry := range l.entries {
		sub := l.ofEntry(fmt.Sprintf("%s[%d]", tenantsKey, i), entry)
		c := sub.config(append([]string{"feishu_tenant_key", "feishu_app_id"}, needs...))
		c.Several = true
		all = append(all, c)
		for _, problem := range sub.problems { // of what they share, only once
			if !slices.ContainsFunc(l.problems, func(p error) bool { return p.Error() == problem.Error() }) {
				l.problems = append(l.problems, problem)
			}
		}
	}
	l.distinct(all)
	c := all[0] // what they share
	c.FeishuTenantKey, c.FeishuAppID, c.FeishuAppSecret, c.FeishuVerificationToken, c.FeishuEncryptKey = "", "", "", "", ""
	c.Events, c.Several = "", false
	c.Tenants = all
	return c
}

// ofEntry is a loader for one company: with its entry over all other layers.
func (l *loader) ofEntry(name string, entry layer) *loader {
	sub := &loader{known: l.known, values: maps.Clone(l.values), bad: maps.Clone(l.bad), entry: name, path: l.path}
	for _, key := range ownKeys {
		delete(sub.values, key)
		delete(sub.bad, key)
	}
	for key := range sub.values { // which have been read
		if strings.HasSuffix(key, fileSuffix) {
			delete(sub.values, key)
		}
	}
	said := layer{}
	for key, v := range entry {
		short, file := strings.CutSuffix(key, fileSuffix)
		long := ownKeys[short] + otherKeys[short] // it is in one of them at most
		if file {
			long += fileSuffix
		}
		if _, known := l.known[long]; !known {
			sub.problem("%s.%s in %s: there is no such key in this version; remove it", name, key, l.path)
			continue
		}
		said[long] = v
	}
	sub.add(said, func(key string) string { return sub.entry + "." + shortKey(key) + " in " + l.path })
	sub.secretFiles()
	return sub
}

// shortKey is a setting's name in an entry.
func shortKey(key string) string {
	long, file := strings.CutSuffix(key, fileSuffix)
	for _, keys := range []map[string]string{ownKeys, otherKeys} {
		for short, other := range keys {
			if other == long {
				if file {
					short += fileSuffix
				}
				return short
			}
		}
	}
	return key
}

// distinct notes what two companies have in common. Who knows one app's Encrypt Key
// must not be able to speak for another.
func (l *loader) distinct(all []Config) {
	for short, value := range map[string]func(Config) string{
		"tenant_key":         func(c Config) string { return c.FeishuTenantKey },
		"app_id":             func(c Config) string { return c.FeishuAppID },
		"verification_token": func(c Config) string { return c.FeishuVerificationToken },
		"encrypt_key":        func(c Config) string { return c.FeishuEncryptKey },
	} {
		seen := map[string]bool{}
		for _, c := range all {
			v := value(c)
			if seen[v] {
				l.problem("%s in %s: two of them have one %s; each has its own", tenantsKey, l.path, short)
				break
			}
			seen[v] = v != ""
		}
	}
}

// choose leaves the company that was asked for.
func (l *loader) choose(c Config) Config {
	var keys []string
	for _, one := range c.Tenants {
		keys = append(keys, one.FeishuTenantKey)
	}
	if c.Tenants != nil {
		if err := query.CheckTenants(c.APIClients, keys); err != nil {
			for line := range strings.Lines(err.Error()) {
				l.problem("%s: %s", l.name("api_clients"), strings.TrimRight(line, "\n"))
			}
		}
	}
	switch i := slices.Index(keys, c.Tenant); {
	case c.Tenant == "":
	case i >= 0:
		c.Tenants = c.Tenants[i : i+1]
	case c.Tenants != nil:
		l.invalid("tenant", "there is no such company: there are "+strings.Join(keys, ", "))
	case c.FeishuTenantKey == "":
		c.FeishuTenantKey = c.Tenant
	case c.FeishuTenantKey != c.Tenant:
		l.invalid("tenant", "the company is another: "+c.FeishuTenantKey)
	}
	return c
}
