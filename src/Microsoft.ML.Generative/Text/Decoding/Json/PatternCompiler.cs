namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>
/// The states of a <see cref="TextPattern"/>, as sets of places in it (Thompson 1968; Rabin, Scott 1959). Sets have numbers, by which they
/// are compared.
/// </summary>
internal sealed class PatternCompiler
{
    private const int MostPlaces = 1 << 15;

    private readonly List<Place> _places = [];
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<int[]> _sets = [];
    private readonly int _end;

    public PatternCompiler(TextPattern pattern)
    {
        int start = NewPlace();
        _end = Add(pattern, start);
        Start = Close([start])!.Value;
    }

    public int Start { get; }

    public bool Accepts(int set) => Array.BinarySearch(_sets[set], _end) >= 0;

    /// <summary>The set after each byte; null where there is none.</summary>
    public int?[] Next(int set)
    {
        (ByteSet Bytes, int To)[] steps = [.. _sets[set].SelectMany(place => _places[place].Steps)];
        var next = new int?[256];
        // Most bytes lead where another one does.
        Dictionary<string, int?> known = new(StringComparer.Ordinal);
        Span<char> key = new char[steps.Length];
        for (int value = 0; value < next.Length; value++)
        {
            bool any = false;
            for (int i = 0; i < steps.Length; i++)
            {
                bool leads = steps[i].Bytes.Contains(value);
                key[i] = leads ? '1' : '0';
                any |= leads;
            }

            if (!any)
                continue;
            string text = key.ToString();
            if (!known.TryGetValue(text, out int? to))
            {
                int here = value;
                known.Add(text, to = Close(steps.Where(step => step.Bytes.Contains(here)).Select(step => step.To)));
            }

            next[value] = to;
        }

        return next;
    }

    // Adds a pattern's places after one, and returns the place after it.
    private int Add(TextPattern pattern, int from)
    {
        switch (pattern)
        {
            case TextPattern.OneByte(var bytes):
                int to = NewPlace();
                _places[from].Steps.Add((bytes, to));
                return to;
            case TextPattern.Sequence(var parts):
                return parts.Aggregate(from, (place, part) => Add(part, place));
            case TextPattern.Choice(var options):
                int end = NewPlace();
                foreach (TextPattern option in options)
                    Connect(Add(option, After(from)), end);
                return end;
            case TextPattern.Repetition(var part, int least, var most):
                return Repeat(part, from, least, most);
            default:
                throw new ArgumentException($"{pattern.GetType().Name} is no pattern.", nameof(pattern));
        }
    }

    private int Repeat(TextPattern part, int from, int least, int? most)
    {
        for (int i = 0; i < least; i++)
            from = Add(part, from);
        if (most is not { } highest)
        {
            int again = After(from);
            Connect(Add(part, again), again);
            return again;
        }

        int end = NewPlace();
        for (int i = least; i < highest; i++)
        {
            Connect(from, end);
            from = Add(part, After(from));
        }

        Connect(from, end);
        return end;
    }

    // A place of its own, so that a way back to it is none to what it follows.
    private int After(int place)
    {
        int after = NewPlace();
        Connect(place, after);
        return after;
    }

    private void Connect(int from, int to) => _places[from].Free.Add(to);

    private int NewPlace()
    {
        if (_places.Count == MostPlaces)
            throw new NotSupportedException("the pattern is too large");
        _places.Add(new Place());
        return _places.Count - 1;
    }

    // The places that are reached without a byte.
    private int? Close(IEnumerable<int> places)
    {
        HashSet<int> reached = [.. places];
        if (reached.Count == 0)
            return null;
        var open = new Stack<int>(reached);
        while (open.TryPop(out int place))
        {
            foreach (int next in _places[place].Free)
            {
                if (reached.Add(next))
                    open.Push(next);
            }
        }

        int[] set = [.. reached.Order()];
        string key = new(Array.ConvertAll(set, place => (char)place));
        if (_numbers.TryGetValue(key, out int known))
            return known;
        _sets.Add(set);
        return _numbers[key] = _sets.Count - 1;
    }

    private sealed class Place
    {
        public List<(ByteSet Bytes, int To)> Steps { get; } = [];

        public List<int> Free { get; } = [];
    }
}
