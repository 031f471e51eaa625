namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>What has no value: nothing when it is written, an error where something is needed.</summary>
internal sealed class JinjaUndefined(string reason)
{
    public JinjaException Error() => new(reason);
}

/// <summary>A list or a tuple, which templates cannot change.</summary>
internal sealed class JinjaList(IReadOnlyList<object?> items, bool isTuple = false) : IJinjaObject
{
    /// <summary>Names of the elements, if they have some.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    public IReadOnlyList<object?> Items => items;

    public bool IsTuple => isTuple;

    public bool TryGet(string name, out object? value)
    {
        int place = Enumerable.Range(0, Names.Count).FirstOrDefault(i => Names[i] == name, -1);
        value = place < 0 ? null : items[place];
        return place >= 0;
    }
}

/// <summary>A dictionary in the order of its insertions, which templates cannot change.</summary>
internal sealed class JinjaDictionary
{
    private readonly OrderedDictionary<JinjaKey, object?> _items = [];

    public int Count => _items.Count;

    public IEnumerable<(object? Key, object? Value)> Items => _items.Select(item => (item.Key.Value, item.Value));

    public void Set(object? key, object? value) => _items[new JinjaKey(key)] = value;

    public bool TryGet(object? key, out object? value) => _items.TryGetValue(new JinjaKey(key), out value);
}

/// <summary>A key of a dictionary, equal to those that Python holds for the same.</summary>
internal readonly struct JinjaKey : IEquatable<JinjaKey>
{
    private readonly object _normal;

    /// <exception cref="JinjaException">The value cannot be a key.</exception>
    public JinjaKey(object? value)
    {
        Value = value;
        _normal = value switch
        {
            null => DBNull.Value,
            JinjaText text => text.Value,
            bool truth => truth ? 1L : 0L,
            double number when number == Math.Floor(number) && Math.Abs(number) < 1e15 => (long)number,
            long or double => value,
            JinjaList { IsTuple: true } tuple when tuple.Items.All(i => i is null or JinjaText or bool or long or double) =>
                string.Join('\0', tuple.Items.Select(i => new JinjaKey(i)._normal).Select(n => $"({n.GetType()} {n}")),
            _ => throw new JinjaException($"{JinjaValues.TypeName(value)} cannot be a key of a dictionary"),
        };
    }

    public object? Value { get; }

    public bool Equals(JinjaKey other) => _normal.Equals(other._normal);

    public override bool Equals(object? obj) => obj is JinjaKey other && Equals(other);

    public override int GetHashCode() => _normal.GetHashCode();
}

/// <summary>A part of a list or a text.</summary>
internal sealed record JinjaSlice(long? Start, long? Stop, long? Step)
{
    /// <summary>The indices in something of a length.</summary>
    public IEnumerable<int> Indices(int length)
    {
        // Larger steps leave the list at once, too.
        long step = Math.Clamp(Step ?? 1, -length - 1L, length + 1L);
        if (step == 0)
            throw new JinjaException("the step of a slice is 0");
        long first = step > 0 ? 0 : -1, last = step > 0 ? length : length - 1;
        long start = Start is { } s ? Clamp(s) : step > 0 ? first : last;
        long stop = Stop is { } e ? Clamp(e) : step > 0 ? last : first;
        for (long i = start; step > 0 ? i < stop : i > stop; i += step)
            yield return (int)i;

        long Clamp(long value) => Math.Clamp(value < 0 ? value + length : value, first, last);
    }
}

/// <summary>Something with attributes.</summary>
internal interface IJinjaObject
{
    bool TryGet(string name, out object? value);
}

/// <summary>What templates call.</summary>
internal sealed class JinjaFunction(string name, Func<JinjaFrame, JinjaArguments, object?> call)
{
    public string Name => name;

    public object? Call(JinjaFrame frame, JinjaArguments arguments)
    {
        using JinjaBudget.Level level = frame.Budget.Enter();
        frame.Budget.Spend(1);
        return call(frame, arguments);
    }
}

/// <summary>Variables that a template can change from anywhere.</summary>
internal sealed class JinjaNamespace : IJinjaObject
{
    private readonly OrderedDictionary<string, object?> _variables = [];

    public void Set(string name, object? value) => _variables[name] = value;

    public bool TryGet(string name, out object? value) => _variables.TryGetValue(name, out value);
}

/// <summary>The variable <c>loop</c>.</summary>
internal sealed class JinjaLoop(IReadOnlyList<object?> items, int depth, Func<object?, JinjaText>? again) : IJinjaObject
{
    private object? _last = new JinjaUndefined("'loop.changed' has no last value");

    public int Index { get; set; }

    /// <summary>Runs the loop over other items, if it is recursive.</summary>
    public Func<object?, JinjaText>? Again => again;

    public bool TryGet(string name, out object? value)
    {
        value = name switch
        {
            "index" => Index + 1L,
            "index0" => (long)Index,
            "revindex" => (long)(items.Count - Index),
            "revindex0" => (long)(items.Count - Index - 1),
            "first" => Index == 0,
            "last" => Index == items.Count - 1,
            "length" => (long)items.Count,
            "depth" => (long)depth,
            "depth0" => depth - 1L,
            "previtem" => Index > 0 ? items[Index - 1] : new JinjaUndefined("there is no previous item"),
            "nextitem" => Index + 1 < items.Count ? items[Index + 1] : new JinjaUndefined("there is no next item"),
            "cycle" => new JinjaFunction("cycle", (_, arguments) => arguments.Positional.Count > 0
                ? arguments.Positional[Index % arguments.Positional.Count]
                : throw new JinjaException("'cycle' has nothing to choose from")),
            "changed" => new JinjaFunction("changed", (frame, arguments) => Changed(frame, arguments)),
            _ => this,
        };
        return value != this;
    }

    private object Changed(JinjaFrame frame, JinjaArguments arguments)
    {
        var values = new JinjaList(arguments.Positional, isTuple: true);
        bool isSame = JinjaValues.AreEqual(frame.Budget, _last, values);
        _last = values;
        return !isSame;
    }
}

/// <summary>The values of <c>cycler()</c> in turn.</summary>
internal sealed class JinjaCycler(IReadOnlyList<object?> items) : IJinjaObject
{
    private int _index;

    public bool TryGet(string name, out object? value)
    {
        value = name switch
        {
            "current" => items[_index],
            "next" => new JinjaFunction(name, (_, _) =>
            {
                object? item = items[_index];
                _index = (_index + 1) % items.Count;
                return item;
            }),
            "reset" => new JinjaFunction(name, (_, _) =>
            {
                _index = 0;
                return null;
            }),
            _ => this,
        };
        return value != this;
    }
}
