#include "core/base/sqlite.h"

#include "core/base/storage_failure.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <limits>

namespace sparsescope {

namespace {

std::string uriOf(const std::filesystem::path &file)
{
    std::string uri = "file:";
    for (const char c : std::filesystem::absolute(file).string()) {
        if (c == '?' || c == '#' || c == '%')
            uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
        else
            uri += c;
    }
    return uri;
}

/// As a name in SQL, whatever it is.
std::string quoted(const std::string &name)
{
    std::string text = "\"";
    for (const char c : name)
        text += c == '"' ? "\"\"" : std::string(1, c);
    return text + '"';
}

} // namespace

void Database::Close::operator()(sqlite3 *handle) const { sqlite3_close_v2(handle); }

Database::Database(const std::filesystem::path &file, Mode mode, int patienceMs)
    : m_file(file)
{
    const auto open = [&](const std::string &name, int flags) {
        sqlite3 *handle = nullptr;
        const int code =
            sqlite3_open_v2(name.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
        m_handle.reset(handle);
        if (code != SQLITE_OK)
            return code;
        sqlite3_busy_timeout(handle, patienceMs);
        // A hostile schema must not be able to run functions with side effects.
        sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
        sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
        return sqlite3_exec(handle, "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr);
    };
    if (mode == Mode::Create) {
        if (const int code = open(file.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE); code != SQLITE_OK)
            fail(code);
        return;
    }
    int code = open(file.string(), SQLITE_OPEN_READWRITE);
    if (mode == Mode::Read) {
        const int primary = code & 0xff;
        // A folder that cannot be written: no lock and no roll-back there, so what is on disk is read as it is.
        if (primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN)
            code = open(uriOf(file) + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
        if (code == SQLITE_OK)
            code = sqlite3_exec(m_handle.get(), "PRAGMA query_only=1", nullptr, nullptr, nullptr);
    }
    if (code != SQLITE_OK)
        fail(code);
}

void Database::verify()
{
    Statement check(*this, "PRAGMA quick_check(1)");
    std::string found = check.next() ? check.text(0) : "ok";
    if (found == "ok") {
        verifyTexts();
        return;
    }
    // A heading that names SQLite's own word for the file comes first, then what is wrong.
    if (const std::size_t line = found.find('\n'); found.starts_with("***") && line != std::string::npos)
        found.erase(0, line + 1);
    fail(SQLITE_CORRUPT, found.substr(0, found.find('\n')));
}

void Database::verifyTexts()
{
    // The pages that a long text goes on in have no form of their own that could be wrong.
    Statement columns(*this, "SELECT tables.name, columns.name FROM sqlite_master AS tables, "
                             "pragma_table_info(tables.name) AS columns "
                             "WHERE tables.type = 'table' AND columns.type = 'TEXT'");
    while (columns.next()) {
        const std::string table = columns.text(0);
        const std::string zeros = fmt::format("SELECT count(*) FROM {} WHERE instr(CAST({} AS BLOB), x'00')",
                                              quoted(table), quoted(columns.text(1)));
        if (integer(zeros.c_str()) > 0)
            fail(SQLITE_CORRUPT, "zeros in the texts of table " + table);
    }
}

void Database::fail(int code) const { fail(code, m_handle ? sqlite3_errmsg(m_handle.get()) : sqlite3_errstr(code)); }

void Database::fail(int code, const std::string &found) const
{
    std::string what = "cannot read or write the run's database", remedy = "Check the disk, then try again.";
    switch (code & 0xff) {
    case SQLITE_FULL:
        what = "disk is full";
        remedy = "Make room and try again.";
        break;
    case SQLITE_IOERR:
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        what = "another process keeps the run's database busy";
        remedy = "Try again in a moment.";
        break;
    case SQLITE_CANTOPEN:
        what = "cannot open the run's database";
        remedy = "Check that the folder is there and can be read and written.";
        break;
    case SQLITE_READONLY:
        what = "run's database cannot be written";
        remedy = "Change the permissions of the folder.";
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: // a table or a column is missing
    case SQLITE_SCHEMA:
        what = "run's database is damaged";
        remedy = "Restore the file from a copy, or train the run again.";
        throw Failure({what, m_file.string(), found, {}, remedy});
    default:
        throw Failure({what, m_file.string(), found, {}, remedy});
    }
    throw StorageFailure({what, m_file.string(), found, {}, remedy});
}

void Database::execute(const char *sql)
{
    const int code = sqlite3_exec(m_handle.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK)
        fail(code);
}

std::int64_t Database::integer(const char *sql)
{
    Statement statement(*this, sql);
    return statement.next() ? statement.integer(0) : 0;
}

void Statement::Finalize::operator()(sqlite3_stmt *handle) const { sqlite3_finalize(handle); }

Statement::Statement(const Database &database, const char *sql)
    : m_database(database)
{
    sqlite3_stmt *handle = nullptr;
    const int code = sqlite3_prepare_v2(database.m_handle.get(), sql, -1, &handle, nullptr);
    m_handle.reset(handle);
    check(code);
}

void Statement::check(int code) const
{
    if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
        m_database.fail(code);
}

Statement &Statement::bind(std::int64_t value)
{
    check(sqlite3_bind_int64(m_handle.get(), ++m_bound, value));
    return *this;
}

Statement &Statement::bind(double value)
{
    check(sqlite3_bind_double(m_handle.get(), ++m_bound, value));
    return *this;
}

Statement &Statement::bind(const std::string &value)
{
    check(sqlite3_bind_text64(m_handle.get(), ++m_bound, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}

bool Statement::next()
{
    const int code = sqlite3_step(m_handle.get());
    if (code == SQLITE_ROW)
        return true;
    sqlite3_reset(m_handle.get());
    m_bound = 0;
    check(code);
    return false;
}

void Statement::run()
{
    while (next()) {
    }
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(m_handle.get(), column); }

double Statement::number(int column) const
{
    return isNull(column) ? std::numeric_limits<double>::quiet_NaN() : sqlite3_column_double(m_handle.get(), column);
}

std::string Statement::text(int column) const
{
    const unsigned char *data = sqlite3_column_text(m_handle.get(), column);
    return data ? std::string(reinterpret_cast<const char *>(data),
                              static_cast<std::size_t>(sqlite3_column_bytes(m_handle.get(), column)))
                : std::string();
}

bool Statement::isNull(int column) const { return sqlite3_column_type(m_handle.get(), column) == SQLITE_NULL; }

Transaction::Transaction(Database &database)
    : m_database(database)
{
    m_database.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction()
{
    if (!m_open)
        return;
    try {
        m_database.execute("ROLLBACK");
    } catch (const Failure &) {
        // SQLite has rolled back by itself, as it does when the disk is full.
    }
}

void Transaction::commit()
{
    m_database.execute("COMMIT");
    m_open = false;
}

} // namespace sparsescope
