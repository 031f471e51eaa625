namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>The functions that templates have, Hugging Face's own among them.</summary>
internal static class JinjaFunctions
{
    public static IEnumerable<JinjaFunction> All { get; } =
    [
        new("raise_exception", (frame, a) =>
            throw new JinjaRefusal(JinjaValues.ToText(frame.Budget, a.Bind("raise_exception", "message!")["message"]).Value)),
        new("strftime_now", (frame, a) => JinjaText.Of(JinjaFormat.Time(
            frame.Run.Now, a.Bind("strftime_now", "format!").Text("format").Value))),
        new("range", Range),
        new("namespace", (_, a) => Namespace(a)),
        new("dict", (frame, a) => Dictionary(frame, a)),
        new("cycler", (_, a) => a.Positional.Count > 0
            ? new JinjaCycler(a.Positional)
            : throw new JinjaException("'cycler' has nothing to choose from")),
        new("joiner", (_, a) => Joiner(a.Bind("joiner", "sep"))),
    ];

    private static JinjaList Range(JinjaFrame frame, JinjaArguments arguments)
    {
        long[] n = [.. arguments.Positional.Select(value => JinjaValues.Integer(value, "range"))];
        (long start, long stop, long step) = n switch
        {
            [var end] => (0, end, 1),
            [var begin, var end] => (begin, end, 1),
            [var begin, var end, var by] when by != 0 => (begin, end, by),
            _ => throw new JinjaException("'range' takes one to three whole numbers, of which the third is not 0"),
        };
        Int128 count = step > 0 ? ((Int128)stop - start + step - 1) / step : ((Int128)start - stop - step - 1) / -(Int128)step;
        if (count > JinjaBudget.MaxRange)
            throw new JinjaException($"a range has more than {JinjaBudget.MaxRange} numbers");
        frame.Budget.Spend((long)Int128.Max(count, 0));
        return new JinjaList([.. Enumerable.Range(0, (int)Int128.Max(count, 0)).Select(i => (object?)(start + i * step))]);
    }

    private static JinjaNamespace Namespace(JinjaArguments arguments)
    {
        var names = new JinjaNamespace();
        foreach (JinjaDictionary first in arguments.Positional.OfType<JinjaDictionary>())
        {
            foreach ((object? key, object? value) in first.Items)
                names.Set(JinjaValues.Text(key, "namespace").Value, value);
        }

        foreach ((string name, object? value) in arguments.Named)
            names.Set(name, value);
        return names;
    }

    private static JinjaDictionary Dictionary(JinjaFrame frame, JinjaArguments arguments)
    {
        var result = new JinjaDictionary();
        foreach (object? first in arguments.Positional)
        {
            if (first is JinjaDictionary other)
            {
                foreach ((object? key, object? value) in other.Items)
                    result.Set(key, value);
                continue;
            }

            foreach (object? pair in JinjaValues.Items(frame.Budget, first))
            {
                if (JinjaValues.Items(frame.Budget, pair) is not [var key, var value])
                    throw new JinjaException("'dict' of what are no pairs");
                result.Set(key, value);
            }
        }

        foreach ((string name, object? value) in arguments.Named)
            result.Set(JinjaText.Of(name), value);
        return result;
    }

    private static JinjaFunction Joiner(JinjaParameters parameters)
    {
        JinjaText separator = parameters.Has("sep") ? parameters.Text("sep") : JinjaText.Of(", ");
        bool isUsed = false;
        return new JinjaFunction("joiner", (_, _) =>
        {
            JinjaText text = isUsed ? separator : JinjaText.Empty;
            isUsed = true;
            return text;
        });
    }
}
