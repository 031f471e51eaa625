namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>
/// Finds all tokens in a text in one pass, in time that does not grow with the length of tokens. Aho, Corasick, "Efficient string
/// matching: an aid to bibliographic search", 1975.
/// </summary>
internal sealed class TokenAutomaton
{
    /// <summary>The state at the beginning of a text, and the end of a list of matches.</summary>
    public const int Root = 0;

    private readonly Dictionary<(int State, char Character), int> _next = [];
    private readonly List<State> _states = [new State(Parent: -1, Character: '\0', Depth: 0)];

    /// <param name="tokens">Tokens, none of them empty, and their ids.</param>
    public TokenAutomaton(IEnumerable<(string Token, int Id)> tokens)
    {
        foreach ((string token, int id) in tokens)
            Add(token, id);
        Link();
    }

    public int Next(int state, char character)
    {
        int next;
        while (!_next.TryGetValue((state, character), out next) && state != Root)
            state = _states[state].Fallback;
        return next;
    }

    /// <summary>The longest token that ends at a state, as a state; <see cref="Root"/> if there is none.</summary>
    public int FirstMatch(int state) => _states[state].Token >= 0 ? state : _states[state].Shorter;

    /// <summary>The next shorter one.</summary>
    public int NextMatch(int match) => _states[match].Shorter;

    public int TokenAt(int match) => _states[match].Token;

    public int LengthAt(int match) => _states[match].Depth;

    private void Add(string token, int id)
    {
        int state = Root;
        foreach (char character in token)
        {
            if (!_next.TryGetValue((state, character), out int child))
            {
                child = _states.Count;
                _states.Add(new State(state, character, _states[state].Depth + 1));
                _next.Add((state, character), child);
            }

            state = child;
        }

        _states[state] = _states[state] with { Token = id };
    }

    // Fallbacks are states of shorter texts, so that states go in the order of their depths.
    private void Link()
    {
        foreach (int state in Enumerable.Range(1, _states.Count - 1).OrderBy(s => _states[s].Depth))
        {
            State link = _states[state];
            int fallback = link.Depth == 1 ? Root : Next(_states[link.Parent].Fallback, link.Character);
            _states[state] = link with { Fallback = fallback, Shorter = FirstMatch(fallback) };
        }
    }

    /// <param name="Parent">The state before the last character.</param>
    /// <param name="Character">The last character.</param>
    /// <param name="Depth">Characters since the root.</param>
    private readonly record struct State(int Parent, char Character, int Depth)
    {
        /// <summary>The token that the state's characters are, or -1.</summary>
        public int Token { get; init; } = -1;

        /// <summary>The state of the longest ending of these characters.</summary>
        public int Fallback { get; init; }

        /// <summary>The longest shorter token that ends here.</summary>
        public int Shorter { get; init; }
    }
}
