using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>Tokens and their ids, both ways.</summary>
internal sealed class TokenVocabulary
{
    /// <summary>Ids are indices into tables; the largest vocabularies in use have under 300,000.</summary>
    public const int MaxIds = 1 << 22;

    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private readonly string?[] _tokens;

    /// <exception cref="InvalidDataException">An id is out of range, or a token or an id occurs twice.</exception>
    public TokenVocabulary(IReadOnlyCollection<KeyValuePair<string, int>> tokens)
    {
        _ids = new Dictionary<string, int>(tokens.Count, StringComparer.Ordinal);
        _bySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        int highest = -1;
        foreach (var (token, id) in tokens)
        {
            CheckId(token, id);
            if (!_ids.TryAdd(token, id))
                throw new InvalidDataException($"The vocabulary has the token {Quoted.Text(token)} twice.");
            highest = Math.Max(highest, id);
        }

        _tokens = new string?[highest + 1];
        foreach (var (token, id) in _ids)
        {
            if (_tokens[id] is { } other)
                throw new InvalidDataException($"The vocabulary has the id {id} twice, for {Quoted.Text(other)} and {Quoted.Text(token)}.");
            _tokens[id] = token;
        }
    }

    /// <summary>Highest id + 1.</summary>
    public int Size => _tokens.Length;

    public IReadOnlyCollection<KeyValuePair<string, int>> Tokens => _ids;

    public static void CheckId(string token, int id)
    {
        if (id is < 0 or >= MaxIds)
            throw new InvalidDataException($"The token {Quoted.Text(token)} has the id {id}; expected 0 to below {MaxIds}.");
    }

    public bool TryGetId(ReadOnlySpan<char> token, out int id) => _bySpan.TryGetValue(token, out id);

    public int? IdOf(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    public string? TokenOf(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;
}
