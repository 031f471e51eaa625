using System.Collections.Frozen;
using System.Globalization;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>What may stand behind "|".</summary>
internal static class JinjaFilters
{
    private delegate object? Filter(JinjaFrame frame, object? value, JinjaArguments arguments);

    private const string Brackets = "-({[<";

    private static readonly FrozenDictionary<string, Filter> _filters = new Dictionary<string, Filter>
    {
        ["abs"] = (_, v, _) => JinjaOperators.Sign(v, isNegative: JinjaValues.Number(v) is < 0 or -0.0),
        ["attr"] = (_, v, a) => JinjaAccess.Attribute(v, a.Bind("attr", "name!").Text("name").Value),
        ["batch"] = (f, v, a) => Batch(f, v, a.Bind("batch", "linecount!", "fill_with")),
        ["capitalize"] = (f, v, _) => JinjaStrings.Capitalize(Text(f, v)),
        ["center"] = (f, v, a) => Center(f, Text(f, v), a.Bind("center", "width").Integer("width", 80)),
        ["count"] = (_, v, _) => Length(v),
        ["d"] = (_, v, a) => Default(v, a),
        ["default"] = (_, v, a) => Default(v, a),
        ["dictsort"] = (f, v, a) => DictionarySort(f, v, a.Bind("dictsort", "case_sensitive", "by", "reverse")),
        ["e"] = (f, v, _) => Escape(Text(f, v)),
        ["escape"] = (f, v, _) => Escape(Text(f, v)),
        ["first"] = (f, v, _) => JinjaValues.Items(f.Budget, v) is [var item, ..] ? item : new JinjaUndefined("there is no first element"),
        ["float"] = (f, v, a) => Float(f, v) ?? (a.Bind("float", "default") is var p && p.Has("default") ? p["default"] : 0.0),
        ["forceescape"] = (f, v, _) => Escape(Text(f, v)),
        ["format"] = (f, v, a) => JinjaFormat.Percent(f.Budget, Text(f, v), a.Positional),
        ["groupby"] = (f, v, a) => GroupBy(f, v, a.Bind("groupby", "attribute!", "default", "case_sensitive")),
        ["indent"] = (f, v, a) => Indent(f, Text(f, v), a.Bind("indent", "width", "first", "blank")),
        ["int"] = (f, v, a) => Integer(f, v, a.Bind("int", "default", "base")),
        ["items"] = (f, v, _) => v is JinjaUndefined ? new JinjaList([])
            : v is JinjaDictionary d ? JinjaMethods.Pairs(f, d) : throw new JinjaException("'items' of what is no dictionary"),
        ["join"] = (f, v, a) => Join(f, v, a.Bind("join", "d", "attribute")),
        ["last"] = (f, v, _) => JinjaValues.Items(f.Budget, v) is [.., var item] ? item : new JinjaUndefined("there is no last element"),
        ["length"] = (_, v, _) => Length(v),
        ["list"] = (f, v, _) => new JinjaList(JinjaValues.Items(f.Budget, v)),
        ["lower"] = (f, v, _) => JinjaStrings.Lower(Text(f, v)),
        ["map"] = Map,
        ["max"] = (f, v, a) => Extreme(f, v, a.Bind("max", "case_sensitive", "attribute"), isMax: true),
        ["min"] = (f, v, a) => Extreme(f, v, a.Bind("min", "case_sensitive", "attribute"), isMax: false),
        ["reject"] = (f, v, a) => Select(f, v, a, isWanted: false, withAttribute: false),
        ["rejectattr"] = (f, v, a) => Select(f, v, a, isWanted: false, withAttribute: true),
        ["replace"] = (f, v, a) => a.Bind("replace", "old!", "new!", "count") is var p
            ? JinjaStrings.Replace(
                f.Budget, Text(f, v), Text(f, p["old"]).Value, Text(f, p["new"]), p["count"] is null ? -1 : p.Integer("count", -1))
            : null,
        ["reverse"] = (f, v, _) => Reverse(f, v),
        ["round"] = (_, v, a) => Round(v, a.Bind("round", "precision", "method")),
        ["safe"] = (f, v, _) => Text(f, v),
        ["select"] = (f, v, a) => Select(f, v, a, isWanted: true, withAttribute: false),
        ["selectattr"] = (f, v, a) => Select(f, v, a, isWanted: true, withAttribute: true),
        ["slice"] = (f, v, a) => Slice(f, v, a.Bind("slice", "slices!", "fill_with")),
        ["sort"] = (f, v, a) => Sort(f, v, a.Bind("sort", "reverse", "case_sensitive", "attribute")),
        ["string"] = (f, v, _) => Text(f, v),
        ["sum"] = (f, v, a) => Sum(f, v, a.Bind("sum", "attribute", "start")),
        ["title"] = (f, v, _) => Title(Text(f, v)),
        ["tojson"] = (f, v, a) => JinjaJson.Write(f.Budget, v, a),
        ["trim"] = (f, v, a) => JinjaMethods.Strip(Text(f, v), a.Bind("trim", "chars"), start: true, end: true),
        ["unique"] = (f, v, a) => Unique(f, v, a.Bind("unique", "case_sensitive", "attribute")),
        ["upper"] = (f, v, _) => JinjaStrings.Upper(Text(f, v)),
        ["wordcount"] = (f, v, _) => (long)JinjaStrings.Split(Text(f, v), null, -1).Count,
    }.ToFrozenDictionary();

    public static bool Has(string name) => _filters.ContainsKey(name);

    /// <exception cref="JinjaException">The filter is not known, or not for such values.</exception>
    public static object? Apply(JinjaFrame frame, string name, object? value, JinjaArguments arguments)
    {
        if (!_filters.TryGetValue(name, out Filter? filter))
            throw new JinjaException($"the filter '{name}' is not supported");
        return filter(frame, value, arguments);
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

    private static JinjaText Text(JinjaFrame frame, object? value)
    {
        JinjaText text = JinjaValues.ToText(frame.Budget, value);
        frame.Budget.Spend(text.Length);
        return text;
    }

    private static long Length(object? value) =>
        JinjaValues.Length(value) ?? throw new JinjaException($"{JinjaValues.TypeName(value)} has no length");

    private static object? Default(object? value, JinjaArguments arguments)
    {
        JinjaParameters parameters = arguments.Bind("default", "default_value", "boolean");
        bool isMissing = value is JinjaUndefined || (parameters.IsTrue("boolean") && !JinjaValues.IsTrue(value));
        return !isMissing ? value : parameters.Has("default_value") ? parameters["default_value"] : JinjaText.Empty;
    }

    private static JinjaText Escape(JinjaText text) => text.Map((rune, _) => rune.Value switch
    {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&#34;",
        '\'' => "&#39;",
        _ => rune.ToString(),
    });

    private static JinjaText Title(JinjaText text)
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

    private static JinjaText Center(JinjaFrame frame, JinjaText text, long width)
    {
        long missing = Math.Max(0, width - JinjaStrings.Length(text.Value));
        frame.Budget.Spend(missing);
        (long before, long after) = JinjaMethods.Center(missing, width);
        return new JinjaText.Builder().Append(new string(' ', (int)before)).Append(text).Append(new string(' ', (int)after)).ToText();
    }

    private static JinjaText Indent(JinjaFrame frame, JinjaText text, JinjaParameters parameters)
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

    private static JinjaText Join(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        IEnumerable<object?> items = JinjaValues.Items(frame.Budget, value);
        if (parameters["attribute"] is { } attribute)
            items = items.Select(item => Get(frame, item, attribute));
        JinjaText separator = parameters.Has("d") ? Text(frame, parameters["d"]) : JinjaText.Empty;
        return Join(frame.Budget, items.Select(item => Text(frame, item)), separator);
    }

    private static object Reverse(JinjaFrame frame, object? value)
    {
        IReadOnlyList<object?> items = JinjaValues.Items(frame.Budget, value);
        return value is JinjaText
            ? Join(frame.Budget, items.Reverse().Cast<JinjaText>(), JinjaText.Empty)
            : new JinjaList([.. items.Reverse()]);
    }

    private static object Round(object? value, JinjaParameters parameters)
    {
        long precision = Math.Clamp(parameters.Integer("precision", 0), -300, 300);
        string method = parameters.OptionalText("method")?.Value ?? "common";
        if (method is not ("common" or "ceil" or "floor"))
            throw new JinjaException("the method of 'round' is none of common, ceil and floor");
        if (value is long or bool && method == "common" && precision >= 0)
            return JinjaValues.Integer(value, "round");
        double number = JinjaValues.Number(value) ?? throw new JinjaException($"{JinjaValues.TypeName(value)} cannot be rounded");
        double scale = Math.Pow(10, precision);
        return method switch
        {
            "ceil" => Math.Ceiling(number * scale) / scale,
            "floor" => Math.Floor(number * scale) / scale,
            _ when precision is > 0 and <= 15 => double.Parse(
                number.ToString($"F{precision}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
            _ when precision > 0 => number,
            _ => Math.Round(number * scale, MidpointRounding.ToEven) / scale,
        };
    }

    private static double? Float(JinjaFrame frame, object? value)
    {
        if (value is not JinjaText)
            return JinjaValues.Number(value);
        string text = Text(frame, value).Value.Trim().Replace("_", "", StringComparison.Ordinal);
        return text.ToUpperInvariant().TrimStart('+', '-') switch
        {
            "INF" or "INFINITY" => text.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity,
            "NAN" => double.NaN,
            _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : null,
        };
    }

    private static object? Integer(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        object? missing = parameters.Has("default") ? parameters["default"] : 0L;
        long radix = parameters.Integer("base", 10);
        if (value is JinjaText text && radix is 2 or 8 or 16)
        {
            string digits = text.Value.Trim();
            if (digits.Length > 2 && digits[0] == '0' && char.ToUpperInvariant(digits[1]) == (radix == 16 ? 'X' : radix == 8 ? 'O' : 'B'))
                digits = digits[2..];
            try
            {
                return digits.Length == 0 ? missing : Convert.ToInt64(digits, (int)radix);
            }
            catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
            {
                return missing;
            }
        }

        if (value is JinjaText whole && long.TryParse(
            whole.Value.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
            return number;
        return value is long ? value
            : Float(frame, value) is { } f && Math.Abs(f) < long.MaxValue ? (long)Math.Truncate(f)
            : missing;
    }

    private static JinjaList Batch(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        long size = parameters.Integer("linecount", 0);
        if (size is < 1 or > int.MaxValue)
            throw new JinjaException($"'batch' of {size}; expected 1 or more");
        List<object?> batches = [];
        foreach (object?[] batch in JinjaValues.Items(frame.Budget, value).Chunk((int)size))
        {
            long missing = parameters["fill_with"] is null ? 0 : size - batch.Length;
            frame.Budget.Spend(missing);
            batches.Add(new JinjaList([.. batch, .. Enumerable.Repeat(parameters["fill_with"], (int)missing)]));
        }

        return new JinjaList(batches);
    }

    private static JinjaList Slice(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        IReadOnlyList<object?> items = JinjaValues.Items(frame.Budget, value);
        long count = parameters.Integer("slices", 0);
        if (count < 1)
            throw new JinjaException($"'slice' in {count}; expected 1 or more");
        frame.Budget.Spend(count);
        (long size, long larger) = (items.Count / count, items.Count % count);
        List<object?> slices = [];
        int done = 0;
        for (long i = 0; i < count; i++)
        {
            int length = (int)(size + (i < larger ? 1 : 0));
            List<object?> slice = [.. items.Skip(done).Take(length)];
            if (parameters["fill_with"] is { } fill && i >= larger && larger > 0)
                slice.Add(fill);
            slices.Add(new JinjaList(slice));
            done += length;
        }

        return new JinjaList(slices);
    }

    private static JinjaList Map(JinjaFrame frame, object? value, JinjaArguments arguments)
    {
        IReadOnlyList<object?> items = JinjaValues.Items(frame.Budget, value);
        if (arguments.Positional.Count == 0)
        {
            JinjaParameters parameters = arguments.Bind("map", "attribute!", "default");
            return new JinjaList([.. items.Select(item => Get(frame, item, parameters["attribute"], parameters["default"]))]);
        }

        string name = JinjaValues.Text(arguments.Positional[0], "map").Value;
        JinjaArguments rest = arguments.Skip(1);
        return new JinjaList([.. items.Select(item => Apply(frame, name, item, rest))]);
    }

    private static JinjaList Select(JinjaFrame frame, object? value, JinjaArguments arguments, bool isWanted, bool withAttribute)
    {
        object? attribute = !withAttribute ? null
            : arguments.Positional.Count > 0 ? arguments.Positional[0]
            : throw new JinjaException("the name of the attribute to select by is missing");
        JinjaArguments rest = withAttribute ? arguments.Skip(1) : arguments;
        string? test = rest.Positional.Count > 0 ? JinjaValues.Text(rest.Positional[0], "the name of a test").Value : null;
        rest = rest.Skip(1);
        return new JinjaList([.. JinjaValues.Items(frame.Budget, value).Where(item =>
        {
            object? tested = withAttribute ? Get(frame, item, attribute) : item;
            return isWanted == (test is null ? JinjaValues.IsTrue(tested) : JinjaTests.Holds(frame.Budget, test, tested, rest));
        })]);
    }

    // An element by a path such as a.b.0, as Jinja's filters take it.
    private static object? Get(JinjaFrame frame, object? item, object? path, object? missing = null)
    {
        if (path is not JinjaText text)
            return Part(path);
        foreach (string part in text.Value.Split('.'))
        {
            bool isIndex = long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long index);
            item = Part(isIndex ? index : JinjaText.Of(part));
        }

        return item;

        object? Part(object? part) =>
            JinjaAccess.Item(frame.Budget, item, part) is var found && found is JinjaUndefined && missing is not null ? missing : found;
    }

    private static object? Key(JinjaFrame frame, object? value, bool isCaseSensitive) =>
        !isCaseSensitive && value is JinjaText text ? JinjaStrings.Lower(Text(frame, text)) : value;

    private static Comparer<object?> Order(JinjaFrame frame) => Comparer<object?>.Create((a, b) => JinjaValues.Compare(frame.Budget, a, b));

    // Comparers that throw are wrapped by .NET's sort.
    private static List<object?> Ordered(JinjaFrame frame, IEnumerable<object?> items, Func<object?, object?> key, bool isReversed)
    {
        try
        {
            return [.. isReversed ? items.OrderByDescending(key, Order(frame)) : items.OrderBy(key, Order(frame))];
        }
        catch (InvalidOperationException e) when (e.InnerException is JinjaException inner)
        {
            throw new JinjaException(inner.Message, inner);
        }
    }

    private static JinjaList Sort(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        bool isCaseSensitive = parameters.IsTrue("case_sensitive");
        object?[] paths = parameters["attribute"] switch
        {
            null => [],
            JinjaText text => [.. text.Value.Split(',').Select(part => JinjaText.Of(part.Trim()))],
            var index => [index],
        };
        return new JinjaList(Ordered(
            frame, JinjaValues.Items(frame.Budget, value),
            item => new JinjaList(paths.Length == 0
                ? [Key(frame, item, isCaseSensitive)]
                : [.. paths.Select(path => Key(frame, Get(frame, item, path), isCaseSensitive))]),
            parameters.IsTrue("reverse")));
    }

    private static JinjaList DictionarySort(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        if (value is not JinjaDictionary dictionary)
            throw new JinjaException("'dictsort' of what is no dictionary");
        string by = parameters.OptionalText("by")?.Value ?? "key";
        int place = by == "key" ? 0 : by == "value" ? 1 : throw new JinjaException("'dictsort' is by neither key nor value");
        bool isCaseSensitive = parameters.IsTrue("case_sensitive");
        return new JinjaList(Ordered(
            frame, JinjaMethods.Pairs(frame, dictionary).Items, pair => Key(frame, ((JinjaList)pair!).Items[place], isCaseSensitive),
            parameters.IsTrue("reverse")));
    }

    private static object? Extreme(JinjaFrame frame, object? value, JinjaParameters parameters, bool isMax)
    {
        IReadOnlyList<object?> items = JinjaValues.Items(frame.Budget, value);
        if (items.Count == 0)
            return new JinjaUndefined("there is no element to choose from");
        object? best = items[0];
        foreach (object? item in items.Skip(1))
        {
            int order = JinjaValues.Compare(frame.Budget, KeyOf(item), KeyOf(best));
            if (isMax ? order > 0 : order < 0)
                best = item;
        }

        return best;

        object? KeyOf(object? item) => Key(
            frame, parameters["attribute"] is { } path ? Get(frame, item, path) : item, parameters.IsTrue("case_sensitive"));
    }

    private static JinjaList Unique(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        HashSet<JinjaKey> seen = [];
        return new JinjaList([.. JinjaValues.Items(frame.Budget, value).Where(item => seen.Add(new JinjaKey(Key(
            frame, parameters["attribute"] is { } path ? Get(frame, item, path) : item, parameters.IsTrue("case_sensitive")))))]);
    }

    private static JinjaList GroupBy(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        bool isCaseSensitive = parameters.IsTrue("case_sensitive");
        List<object?> groups = [];
        List<object?> items = Ordered(
            frame, JinjaValues.Items(frame.Budget, value), item => Key(frame, Grouper(item), isCaseSensitive), false);
        for (int start = 0; start < items.Count;)
        {
            object? key = Key(frame, Grouper(items[start]), isCaseSensitive);
            int end = start + 1;
            while (end < items.Count && JinjaValues.AreEqual(frame.Budget, key, Key(frame, Grouper(items[end]), isCaseSensitive)))
                end++;
            groups.Add(new JinjaList([Grouper(items[start]), new JinjaList(items[start..end])], isTuple: true)
            {
                Names = ["grouper", "list"],
            });
            start = end;
        }

        return new JinjaList(groups);

        object? Grouper(object? item) => Get(frame, item, parameters["attribute"], parameters["default"]);
    }

    private static object? Sum(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        object? sum = parameters.Has("start") ? parameters["start"] : 0L;
        foreach (object? item in JinjaValues.Items(frame.Budget, value))
            sum = JinjaOperators.Compute(frame.Budget, "+", sum, parameters["attribute"] is { } path ? Get(frame, item, path) : item);
        return sum;
    }
}
