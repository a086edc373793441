#pragma once

#include "widgets/style/icons.h"

#include <QLabel>
#include <QWidget>

#include <functional>
#include <vector>

class QHBoxLayout;

namespace sparsescope {

/// What stands in a view that has nothing to show: a sign, what is so, one sentence more, and buttons for what can be done.
class MessageView : public QWidget {
    Q_OBJECT

public:
    explicit MessageView(QWidget *parent = nullptr);

    enum class Mood { Neutral, Info, Failed };
    void setMessage(Mood mood, const QString &title, const QString &text);
    /// Buttons below the sentence, the first of them the one that is meant; object names and words in the same order.
    struct Way {
        const char *name;
        QString words;
        std::function<void()> take;
    };
    void setWays(std::vector<Way> ways);
    QString title() const { return m_title->text(); }

protected:
    void changeEvent(QEvent *event) override;

private:
    void drawSign();

    QHBoxLayout *m_ways;
    QLabel *m_sign, *m_title, *m_text;
    Mood m_mood = Mood::Neutral;
};

} // namespace sparsescope
