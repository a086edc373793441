#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

/// A thin door to SQLite: its calls throw Failure naming the file, StorageFailure where trying again may
/// help; nothing leaks.
namespace sparsescope {

class Database {
public:
    enum class Mode {
        Create, ///< read and write; made when missing
        Write,  ///< read and write; must exist
        Read ///< nothing is changed, but an interrupted transaction of a dead writer is rolled back where the folder allows it
    };
    /// Waits up to `patienceMs` for another process that commits or reads.
    Database(const std::filesystem::path &file, Mode mode, int patienceMs);

    void execute(const char *sql);
    std::int64_t integer(const char *sql); ///< first column of the first row
    void verify(); ///< reads every page; throws Failure when one does not belong to a whole database, or a text has zeros
    const std::filesystem::path &file() const { return m_file; }

private:
    friend class Statement;
    struct Close {
        void operator()(sqlite3 *) const;
    };
    void verifyTexts();
    [[noreturn]] void fail(int code) const;
    [[noreturn]] void fail(int code, const std::string &found) const;
    std::filesystem::path m_file;
    std::unique_ptr<sqlite3, Close> m_handle;
};

/// One prepared statement. Bind from the left, step, reset.
class Statement {
public:
    Statement(const Database &database, const char *sql);

    Statement &bind(std::int64_t value);
    Statement &bind(double value); ///< NaN becomes NULL, as SQLite knows none
    Statement &bind(const std::string &value);
    bool next(); ///< a row is there; at the end the statement is reset
    void run();  ///< for statements without rows: binds again from the left afterwards

    std::int64_t integer(int column) const;
    double number(int column) const; ///< NaN for NULL
    std::string text(int column) const;
    bool isNull(int column) const;

private:
    struct Finalize {
        void operator()(sqlite3_stmt *) const;
    };
    void check(int code) const;
    const Database &m_database;
    std::unique_ptr<sqlite3_stmt, Finalize> m_handle;
    int m_bound = 0;
};

/// Rolls back unless committed.
class Transaction {
public:
    explicit Transaction(Database &database);
    ~Transaction();
    Transaction(const Transaction &) = delete;
    Transaction &operator=(const Transaction &) = delete;
    void commit();

private:
    Database &m_database;
    bool m_open = true;
};

} // namespace sparsescope
