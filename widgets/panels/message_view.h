#pragma once

#include "widgets/style/icons.h"

#include <QLabel>
#include <QWidget>

namespace sparsescope {

/// What stands in a view that has nothing to show: a sign, what is so, and one sentence more.
class MessageView : public QWidget {
    Q_OBJECT

public:
    explicit MessageView(QWidget *parent = nullptr);

    enum class Mood { Neutral, Info, Failed };
    void setMessage(Mood mood, const QString &title, const QString &text);
    QString title() const { return m_title->text(); }

protected:
    void changeEvent(QEvent *event) override;

private:
    void drawSign();

    QLabel *m_sign, *m_title, *m_text;
    Mood m_mood = Mood::Neutral;
};

} // namespace sparsescope
