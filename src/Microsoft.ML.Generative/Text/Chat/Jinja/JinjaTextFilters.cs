namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Filters of texts.</summary>
internal static class JinjaTextFilters
{
    private const string Brackets = "-({[<";

    /// <summary>A value as text, which counts.</summary>
    public static JinjaText TextOf(JinjaFrame frame, object? value)
    {
        JinjaText text = JinjaValues.ToText(frame.Budget, value);
        frame.Budget.Spend(text.Length);
        return text;
    }

    /// <summary>Texts with another between them.</summary>
    public static JinjaText Join(JinjaBudget budget, IEnumerable<JinjaText> items, JinjaText separator)
    {
        var joined = new JinjaText.Builder();
        bool isFirst = true;
        foreach (JinjaText item in items)
        {
            budget.Spend(1 + item.Length + separator.Length);
            if (!isFirst)
                joined.Append(separator);
            joined.Append(item);
            isFirst = false;
        }

        return joined.ToText();
    }

    public static JinjaText Escape(JinjaText text) => text.Map((rune, _) => rune.Value switch
    {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&#34;",
        '\'' => "&#39;",
        _ => rune.ToString(),
    });

    public static JinjaText Title(JinjaText text)
    {
        bool begins = true;
        return text.Map((rune, _) =>
        {
            bool isSeparator = rune.IsBmp && (JinjaStrings.IsSpace((char)rune.Value) || Brackets.Contains((char)rune.Value));
            JinjaText one = JinjaText.Of(rune.ToString());
            string result = (begins ? JinjaStrings.Upper(one) : JinjaStrings.Lower(one)).Value;
            begins = isSeparator;
            return result;
        });
    }

    public static JinjaText Center(JinjaFrame frame, JinjaText text, long width)
    {
        long missing = Math.Max(0, width - JinjaStrings.Length(text.Value));
        frame.Budget.Spend(missing);
        (long before, long after) = JinjaMethods.Center(missing, width);
        return new JinjaText.Builder().Append(new string(' ', (int)before)).Append(text).Append(new string(' ', (int)after)).ToText();
    }

    public static JinjaText Indent(JinjaFrame frame, JinjaText text, JinjaParameters parameters)
    {
        JinjaText indent = parameters["width"] is JinjaText given ? given : Spaces(frame, parameters.Integer("width", 4));
        // An empty line at the end is one, too.
        List<JinjaText> lines = JinjaStrings.Lines(new JinjaText.Builder().Append(text).Append("\n").ToText());
        var result = new JinjaText.Builder();
        for (int i = 0; i < lines.Count; i++)
        {
            frame.Budget.Spend(1 + indent.Length + lines[i].Length);
            if (i > 0)
                result.Append("\n");
            if (i == 0 ? parameters.IsTrue("first") : lines[i].Length > 0 || parameters.IsTrue("blank"))
                result.Append(indent);
            result.Append(lines[i]);
        }

        return result.ToText();
    }

    private static JinjaText Spaces(JinjaFrame frame, long width)
    {
        frame.Budget.Spend(Math.Max(0, width));
        return JinjaText.Of(new string(' ', (int)Math.Max(0, width)));
    }
}
