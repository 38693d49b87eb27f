package compat

import "slices"

// methods lists what is answered. Each file has its own.
func methods() []method {
	return slices.Concat(
		tokenMethods(), userMethods(), userListMethods(), batchGetIDMethods(),
		departmentMethods(), departmentListMethods(), definitionMethods(),
		groupMethods(), unitMethods(), scopeMethods(),
	)
}
