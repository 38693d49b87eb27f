package feishu

import "context"

// EmployeeTypes lists the company's employee types.
func (c *Client) EmployeeTypes(ctx context.Context, pageToken string) (Page, error) {
	return c.listPage(ctx, request{endpoint: EndpointEmployeeTypes, query: idTypes()}, pageToken)
}

// CustomAttrs lists the definitions of the company's own fields; none while its
// administrators show them to no app.
func (c *Client) CustomAttrs(ctx context.Context, pageToken string) (Page, error) {
	return c.listPage(ctx, request{endpoint: EndpointCustomAttrs, query: idTypes()}, pageToken)
}
