#pragma once

#include <QFrame>
#include <QVBoxLayout>
#include <QWidget>

#include <functional>
#include <vector>

namespace sparsescope {

/// Faults of the whole page: a bar each (cause, consequence, remedies), newest on top, at most three. In a narrow page the
/// remedies stand under the words, which take two lines at most; in a low window the older bars show their cause alone.
class NoticeBar : public QWidget {
    Q_OBJECT

public:
    enum class Kind { Failed, Check, Info };
    struct Remedy {
        QString text;
        std::function<void()> run;
    };

    explicit NoticeBar(QWidget *parent = nullptr);

    /// A notice of the same `id` takes the place of the earlier one. Every notice can be closed.
    void post(const QString &id, Kind kind, const QString &cause, const QString &consequence,
              std::vector<Remedy> remedies = {});
    void remove(const QString &id);
    int count() const { return static_cast<int>(m_bars.size()); }
    /// Cause of the newest notice, for tests.
    QString newest() const;

protected:
    void resizeEvent(QResizeEvent *event) override;

private:
    class Bar;
    void arrange();

    QVBoxLayout *m_layout;
    std::vector<Bar *> m_bars; ///< newest first
};

} // namespace sparsescope
