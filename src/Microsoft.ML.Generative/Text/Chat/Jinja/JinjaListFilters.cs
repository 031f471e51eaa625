using System.Globalization;
using static Microsoft.ML.Generative.Text.Chat.Jinja.JinjaTextFilters;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Filters of lists, and of what else has elements.</summary>
internal static class JinjaListFilters
{
    public static JinjaText Join(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        IEnumerable<object?> items = JinjaValues.Items(frame.Budget, value);
        if (parameters["attribute"] is { } attribute)
            items = items.Select(item => Get(frame, item, attribute));
        JinjaText separator = parameters.Has("d") ? TextOf(frame, parameters["d"]) : JinjaText.Empty;
        return JinjaTextFilters.Join(frame.Budget, items.Select(item => TextOf(frame, item)), separator);
    }

    public static object Reverse(JinjaFrame frame, object? value)
    {
        IReadOnlyList<object?> items = JinjaValues.Items(frame.Budget, value);
        return value is JinjaText
            ? JinjaTextFilters.Join(frame.Budget, items.Reverse().Cast<JinjaText>(), JinjaText.Empty)
            : new JinjaList([.. items.Reverse()]);
    }

    public static JinjaList Batch(JinjaFrame frame, object? value, JinjaParameters parameters)
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

    public static JinjaList Slice(JinjaFrame frame, object? value, JinjaParameters parameters)
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

    public static JinjaList Map(JinjaFrame frame, object? value, JinjaArguments arguments)
    {
        IReadOnlyList<object?> items = JinjaValues.Items(frame.Budget, value);
        if (arguments.Positional.Count == 0)
        {
            JinjaParameters parameters = arguments.Bind("map", "attribute!", "default");
            return new JinjaList([.. items.Select(item => Get(frame, item, parameters["attribute"], parameters["default"]))]);
        }

        string name = JinjaValues.Text(arguments.Positional[0], "map").Value;
        JinjaArguments rest = arguments.Skip(1);
        return new JinjaList([.. items.Select(item => JinjaFilters.Apply(frame, name, item, rest))]);
    }

    public static JinjaList Select(JinjaFrame frame, object? value, JinjaArguments arguments, bool isWanted, bool withAttribute)
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
        !isCaseSensitive && value is JinjaText text ? JinjaStrings.Lower(TextOf(frame, text)) : value;

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

    public static JinjaList Sort(JinjaFrame frame, object? value, JinjaParameters parameters)
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

    public static JinjaList DictionarySort(JinjaFrame frame, object? value, JinjaParameters parameters)
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

    public static object? Extreme(JinjaFrame frame, object? value, JinjaParameters parameters, bool isMax)
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

    public static JinjaList Unique(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        HashSet<JinjaKey> seen = [];
        return new JinjaList([.. JinjaValues.Items(frame.Budget, value).Where(item => seen.Add(new JinjaKey(Key(
            frame, parameters["attribute"] is { } path ? Get(frame, item, path) : item, parameters.IsTrue("case_sensitive")))))]);
    }

    public static JinjaList GroupBy(JinjaFrame frame, object? value, JinjaParameters parameters)
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

    public static object? Sum(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        object? sum = parameters.Has("start") ? parameters["start"] : 0L;
        foreach (object? item in JinjaValues.Items(frame.Budget, value))
            sum = JinjaOperators.Compute(frame.Budget, "+", sum, parameters["attribute"] is { } path ? Get(frame, item, path) : item);
        return sum;
    }
}
