namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>A deterministic automaton that reads the texts of a <see cref="TextPattern"/> byte by byte, from state 0 on.</summary>
internal sealed class ByteAutomaton
{
    public const int None = -1;

    private const int Bytes = 256;

    // [states, bytes]
    private readonly int[] _next;
    private readonly bool[] _accepts;
    private readonly bool[] _isLeaf;

    private ByteAutomaton(List<int[]> next, List<bool> accepts)
    {
        _next = [.. next.SelectMany(row => row)];
        _accepts = [.. accepts];
        _isLeaf = [.. next.Select(row => row.All(state => state == None))];
    }

    public int States => _accepts.Length;

    /// <summary>Whether there is no text.</summary>
    public bool IsEmpty => !_accepts.Contains(true);

    /// <exception cref="NotSupportedException">It would take too many states.</exception>
    public static ByteAutomaton Of(TextPattern pattern)
    {
        var compiler = new PatternCompiler(pattern);
        return Make(compiler.Start, compiler.Next, compiler.Accepts);
    }

    /// <summary>The state after one more byte, or <see cref="None"/>.</summary>
    public int Next(int state, byte value) => _next[state * Bytes + value];

    /// <summary>Whether a text may end in a state.</summary>
    public bool Accepts(int state) => _accepts[state];

    /// <summary>Whether nothing may follow.</summary>
    public bool IsLeaf(int state) => _isLeaf[state];

    /// <summary>The texts that another automaton reads, too.</summary>
    /// <inheritdoc cref="Of" path="/exception"/>
    public ByteAutomaton And(ByteAutomaton other) => Make<(int Own, int Other)>(
        (0, 0),
        state => ForEachByte<(int, int)>(value =>
            (Next(state.Own, value), other.Next(state.Other, value)) is var next && next is (None, _) or (_, None) ? null : next),
        state => Accepts(state.Own) && other.Accepts(state.Other));

    /// <summary>The texts of so many characters; a backslash and what follows it are one.</summary>
    /// <inheritdoc cref="Of" path="/exception"/>
    public ByteAutomaton OfLength(int least, int? most)
    {
        return Make<(int State, int Count, bool IsEscaped)>(
            (0, 0, false), state => ForEachByte(value => Step(state, value)), state => Accepts(state.State) && state.Count >= least);

        (int, int, bool)? Step((int State, int Count, bool IsEscaped) from, byte value)
        {
            bool isNew = !from.IsEscaped && (value & 0xC0) != 0x80;
            int state = Next(from.State, value), count = from.Count + (isNew ? 1 : 0);
            if (state == None || count > most)
                return null;
            return (state, most is null ? Math.Min(count, least) : count, !from.IsEscaped && value == '\\');
        }
    }

    private static TState?[] ForEachByte<TState>(Func<byte, TState?> step)
        where TState : struct =>
        [.. Enumerable.Range(0, Bytes).Select(value => step((byte)value))];

    private static ByteAutomaton Make<TState>(TState start, Func<TState, TState?[]> step, Func<TState, bool> accepts)
        where TState : struct
    {
        const int mostStates = 8192;
        List<TState> states = [start];
        Dictionary<TState, int> numbers = new() { [start] = 0 };
        List<int[]> next = [];
        for (int i = 0; i < states.Count; i++)
        {
            next.Add(Array.ConvertAll(step(states[i]), to => to is { } state ? Number(state) : None));
        }

        return new ByteAutomaton(next, [.. states.Select(accepts)]);

        int Number(TState state)
        {
            if (numbers.TryGetValue(state, out int known))
                return known;
            if (states.Count == mostStates)
                throw new NotSupportedException("the pattern is too large");
            states.Add(state);
            return numbers[state] = states.Count - 1;
        }
    }
}
