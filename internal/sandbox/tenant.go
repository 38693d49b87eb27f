package sandbox

const tenantPath = "GET /tenant/v2/tenant/query"

func tenantEndpoints() []*endpoint {
	return []*endpoint{{name: tenantPath, scopes: []string{scopeTenant}, handle: queryTenant}}
}

// queryTenant serves tenant/v2/tenant/query.
func queryTenant(c *call) error {
	t := c.view.org.tenant
	c.buf = append(c.buf, `{"tenant":`...)
	o := begin(c.buf, c.view.hidden[KindTenant], c.view.overridesOf(KindTenant, ""))
	if o.key("avatar") {
		o.buf = appendAvatar(o.buf, t.Avatar)
	}
	o.str("display_id", t.DisplayID)
	o.str("domain", t.Domain)
	o.str("name", t.Name)
	o.str("tenant_key", t.TenantKey)
	o.int("tenant_tag", int64(t.TenantTag))
	c.buf = append(o.end(), '}')
	return nil
}
