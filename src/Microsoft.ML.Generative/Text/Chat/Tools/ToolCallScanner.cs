namespace Microsoft.ML.Generative.Text.Chat.Tools;

/// <summary>Passes an answer on piece by piece until calls of tools begin, which it reads when the answer has ended.</summary>
/// <param name="markup">How the model writes calls.</param>
/// <param name="tools">The tools.</param>
/// <param name="opening">How the answer begins, if calls have begun with the prompt; else empty.</param>
internal sealed class ToolCallScanner(ToolMarkup markup, IReadOnlyList<ToolDefinition> tools, string opening = "")
{
    private string _held = opening;
    private bool _isCalling = opening.Length > 0;
    private bool _isText;

    /// <summary>How the model writes calls.</summary>
    public ToolMarkup Markup => markup;

    /// <summary>What of the text is certain to be no call.</summary>
    public string Append(string piece)
    {
        string text = _held + piece;
        if (_isCalling || markup.Begin.Length == 0)
            return AppendCalls(text);
        int begin = text.IndexOf(markup.Begin, StringComparison.Ordinal);
        _isCalling = begin >= 0;
        // Space before a call belongs to it.
        int certain = _isCalling ? begin : text.Length - LongestBeginning(text);
        while (certain > 0 && char.IsWhiteSpace(text[certain - 1]))
            certain--;
        _held = text[certain..];
        return text[..certain];
    }

    /// <summary>What was held back, when the answer has ended.</summary>
    public (string Text, IReadOnlyList<ToolCall> Calls) Finish()
    {
        string held = _held;
        _held = "";
        if ((!_isCalling && markup.Begin.Length > 0) || _isText || markup.Read(held) is not { } read)
            return (held, []);
        // An answer in JSON is a call only where it names a tool.
        if (markup.Begin.Length == 0 && read.Calls.Any(call => tools.All(tool => tool.Name != call.Name)))
            return (held, []);
        return (read.Others, read.Calls);
    }

    // Without a mark, an answer is calls if it begins like one.
    private string AppendCalls(string text)
    {
        if (markup.Begin.Length == 0 && !_isCalling)
        {
            string trimmed = text.TrimStart();
            _isText |= trimmed.Length > 0 && trimmed[0] != '{' && !markup.Tokens.Any(
                token => token.StartsWith(trimmed, StringComparison.Ordinal) || trimmed.StartsWith(token, StringComparison.Ordinal));
        }

        _held = _isText ? "" : text;
        return _isText ? text : "";
    }

    private int LongestBeginning(string text)
    {
        for (int length = Math.Min(text.Length, markup.Begin.Length - 1); length > 0; length--)
        {
            if (text.AsSpan(text.Length - length).SequenceEqual(markup.Begin.AsSpan(0, length)))
                return length;
        }

        return 0;
    }
}
