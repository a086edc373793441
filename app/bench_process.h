#pragma once

#include "core/base/bench_document.h"

#include <QByteArray>
#include <QObject>
#include <QString>
#include <QStringList>

#include <filesystem>
#include <memory>
#include <string>

class QProcess;

namespace sparsescope {

/// Arguments of `sparsescope-cli` that measure what this document holds once more: its subject at its sizes, in as many rounds.
QStringList benchCommand(const BenchDocument &document, const std::string &device, const std::filesystem::path &out);

/// What is worth measuring first on a card: one layer's attention core forward, from 4K tokens to 128K. No results.
BenchDocument usualBench();

/// File name of a new measurement of the same subject: "core_64x128_forward", "topk"; no suffix.
std::string benchName(const BenchDocument &document);

/// One `sparsescope-cli bench` at a time, as a process of its own: it shares no memory, no stream and no allocator with this
/// one, and can be ended at any moment.
class BenchProcess : public QObject {
    Q_OBJECT

public:
    explicit BenchProcess(QObject *parent = nullptr);
    /// Ends it without waiting for its result.
    ~BenchProcess() override;

    /// Where the command line is expected: beside this program.
    static QString program();
    /// Ends the one that runs, if any. `rows`: how many it will measure, for the share that is done.
    void start(const QStringList &arguments, const std::filesystem::path &out, int rows);
    void cancel();
    bool running() const { return m_process != nullptr; }

Q_SIGNALS:
    /// What is being measured, and the share that is done.
    void progressed(const QString &what, double share);
    /// A document was written to the file; some of its results may be wrong, which it says itself.
    void finished(const std::filesystem::path &file);
    void failed(const QString &reason);

private:
    void read();
    void ended();

    std::unique_ptr<QProcess> m_process;
    std::filesystem::path m_out;
    QByteArray m_line;
    int m_rows = 0, m_done = 0;
};

} // namespace sparsescope
