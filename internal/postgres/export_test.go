package postgres

// For tests in package postgres_test, which may import pgtest where tests in
// this package may not: pgtest imports it.
var (
	MigrateUpFrom       = migrateUp
	MigrateDownFrom     = migrateDown
	MigrationStatusFrom = migrationStatus
	CheckSchemaOf       = checkSchema
	CheckVersion        = checkVersion
)

// PidExists reports whether a process runs.
func PidExists(pid int) bool { return pidExists(pid) }
