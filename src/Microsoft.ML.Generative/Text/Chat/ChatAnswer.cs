namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>An answer in a conversation that a template wrote: what the model generates, its end included.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Where it ends, behind what ends it.</param>
/// <param name="EndMark">The id of the mark that ends it, or null.</param>
internal sealed record ChatAnswer(int Start, int End, int? EndMark)
{
    /// <param name="conversation">The conversation.</param>
    /// <param name="text">The conversation as it is written.</param>
    /// <param name="marks">The marks in it, in order.</param>
    /// <param name="stopStrings">Texts that end an answer.</param>
    /// <param name="write">Writes a part of the conversation; null where the template does not.</param>
    public static IEnumerable<ChatAnswer> Find(
        Conversation conversation, ChatText text, IReadOnlyList<(int Start, int End, int Id)> marks, IReadOnlyList<string> stopStrings,
        Func<Conversation, string?> write)
    {
        if (text.Generations.Count > 0)
        {
            foreach ((int start, int end) in text.Generations)
                yield return new ChatAnswer(start, end, marks.Where(mark => mark.End == end).Select(mark => (int?)mark.Id).LastOrDefault());
            yield break;
        }

        string whole = text.Text.Value;
        for (int i = 0; i < conversation.Turns.Count; i++)
        {
            if (!conversation.Turns[i].IsAnswer)
                continue;
            // An answer follows its prompt, which is what the template writes of the messages before it.
            (int Start, int End)? content = text.PlaceOf(i);
            int? prompt = Prefix(conversation.Before(i, wantsAnswer: true));
            if (prompt > content?.Start)
                prompt = null;
            if ((prompt ?? content?.Start) is not { } start)
                continue;
            int contentEnd = Math.Max(content?.End ?? start, start);
            int turnEnd = Math.Max(contentEnd, Prefix(conversation.Before(i + 1, wantsAnswer: false)) ?? contentEnd);
            yield return Ending(start, contentEnd, turnEnd);
        }

        int? Prefix(Conversation part) =>
            write(part) is { } written && whole.StartsWith(written, StringComparison.Ordinal) ? written.Length : null;

        ChatAnswer Ending(int start, int contentEnd, int turnEnd)
        {
            foreach ((int markStart, int markEnd, int id) in marks)
            {
                if (markStart >= contentEnd && markStart <= turnEnd)
                    return new ChatAnswer(start, markEnd, id);
            }

            foreach (string stop in stopStrings)
            {
                int at = whole.IndexOf(stop, contentEnd, StringComparison.Ordinal);
                if (at >= 0 && text.IsWritten(contentEnd, at + stop.Length))
                    return new ChatAnswer(start, at + stop.Length, null);
            }

            return new ChatAnswer(start, turnEnd, null);
        }
    }
}
