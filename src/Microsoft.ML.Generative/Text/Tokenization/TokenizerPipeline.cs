using System.Collections.Frozen;
using System.Text;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Decoding;
using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Generative.Text.Tokenization.Normalizers;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>The steps of a <see cref="TokenizerPipeline"/> to take.</summary>
internal readonly record struct PipelineSettings()
{
    public bool Normalize { get; init; } = true;

    public bool PreTokenize { get; init; } = true;

    /// <summary>Added tokens that are not recognized: what reads like them is text.</summary>
    public IReadOnlySet<int> TextOnly { get; init; } = FrozenSet<int>.Empty;

    /// <summary>Whether the text begins the input.</summary>
    public bool BeginsInput { get; init; } = true;

    /// <summary>Whether the text continues another one, so that nothing is put before it.</summary>
    public bool IsContinuation { get; init; }

    /// <summary>Adds the tokens that begin and end a text.</summary>
    public bool Frame { get; init; }
}

/// <summary>The steps of a tokenizer, as a tokenizer.json or an equivalent file has them.</summary>
internal sealed class TokenizerPipeline
{
    private readonly TextNormalizer? _normalizer;
    private readonly TextPreTokenizer? _preTokenizer;
    private readonly TokenModel _model;
    private readonly AddedTokenFinder _inText;
    private readonly AddedTokenFinder _inNormalizedText;
    private readonly Dictionary<string, int> _addedIds = new(StringComparer.Ordinal);
    private readonly Dictionary<int, AddedToken> _added = [];

    /// <param name="normalizer">Changes the text, or null.</param>
    /// <param name="preTokenizer">Cuts the text, or null.</param>
    /// <param name="model">Makes tokens.</param>
    /// <param name="added">Tokens that are found before.</param>
    /// <param name="before">Ids that begin a text.</param>
    /// <param name="after">Ids that end it.</param>
    /// <param name="decoder">Makes text.</param>
    /// <exception cref="InvalidDataException">An added token occurs twice, or contradicts the vocabulary.</exception>
    public TokenizerPipeline(
        TextNormalizer? normalizer, TextPreTokenizer? preTokenizer, TokenModel model, IReadOnlyList<AddedToken> added,
        IReadOnlyList<int> before, IReadOnlyList<int> after, DecoderSettings decoder)
    {
        _normalizer = normalizer;
        _preTokenizer = preTokenizer;
        _model = model;
        Before = before;
        After = after;
        foreach (AddedToken token in added)
        {
            TokenVocabulary.CheckId(token.Content, token.Id);
            if (!_addedIds.TryAdd(token.Content, token.Id) || !_added.TryAdd(token.Id, token))
                throw new InvalidDataException($"The added token {Quoted.Text(token.Content)}, id {token.Id}, occurs twice.");
        }

        Size = Math.Max(model.Vocabulary.Size, _added.Keys.DefaultIfEmpty(-1).Max() + 1);
        foreach (int id in before.Concat(after))
        {
            if (Find(id) is null)
                throw new InvalidDataException($"The id {id}, which begins or ends a text, is not in the vocabulary.");
        }

        _inText = new AddedTokenFinder(added.Where(t => !t.IsNormalized).Select(t => (t.Content, t)));
        _inNormalizedText = new AddedTokenFinder(
            added.Where(t => t.IsNormalized).Select(t => (normalizer?.Normalize(t.Content) ?? t.Content, t)));
        Decoder = new TokenDecoder(decoder, Find, Size);
    }

    public int Size { get; }

    /// <summary>Ids that begin a text.</summary>
    public IReadOnlyList<int> Before { get; }

    /// <summary>Ids that end a text.</summary>
    public IReadOnlyList<int> After { get; }

    public IReadOnlyCollection<AddedToken> AddedTokens => _added.Values;

    public TokenDecoder Decoder { get; }

    public int? UnknownId => _model.UnknownId;

    public int? IdOf(string token) => _addedIds.TryGetValue(token, out int id) ? id : _model.Vocabulary.IdOf(token);

    public (string Token, bool IsAdded, bool IsSpecial)? Find(int id) =>
        _added.TryGetValue(id, out AddedToken? added) ? (added.Content, true, added.IsSpecial)
        : _model.Vocabulary.TokenOf(id) is { } token ? (token, false, false)
        : null;

    /// <summary>Encodes a text.</summary>
    /// <returns>The text after all changes, in which the places are.</returns>
    public string Encode(string text, TokenSink sink, PipelineSettings settings)
    {
        text = WellFormed(text);
        if (settings.Frame)
            AddAll(Before, 0, sink);

        var changed = new StringBuilder(text.Length);
        var clock = new PatternClock(text.Length);
        AddedTokenFinder.IsToken isToken = (token, _, _) => !settings.TextOnly.Contains(token.Id);
        foreach (TextSection section in _inText.Cut(text, isToken))
        {
            string part = section.Length == text.Length ? text : text.Substring(section.Start, section.Length);
            if (section.Token is { } token)
            {
                AddToken(token, part, changed, sink);
                continue;
            }

            if (settings.Normalize && _normalizer is not null)
                part = _normalizer.Normalize(part, new NormalizerContext(settings.IsContinuation && section.Start == 0, clock));
            foreach (TextSection inner in _inNormalizedText.Cut(part, isToken))
            {
                string words = inner.Length == part.Length ? part : part.Substring(inner.Start, inner.Length);
                if (inner.Token is { } innerToken)
                    AddToken(innerToken, words, changed, sink);
                else
                    EncodeWords(new TextPieces(words, PlaceOf(section, inner, settings), clock), changed, sink, settings);
            }
        }

        if (settings.Frame)
            AddAll(After, changed.Length, sink);
        return changed.ToString();
    }

    private static void AddToken(AddedToken token, string text, StringBuilder changed, TokenSink sink)
    {
        sink.Add(token.Id, changed.Length, changed.Length + text.Length);
        changed.Append(text);
    }

    private static void AddAll(IReadOnlyList<int> ids, int place, TokenSink sink)
    {
        foreach (int id in ids)
            sink.Add(id, place, place);
    }

    // Half of a surrogate pair is no character, and has no UTF-8.
    private static string WellFormed(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
            return text;

        return string.Create(text.Length, text, static (characters, source) =>
        {
            source.CopyTo(characters);
            for (int i = 0; i < characters.Length; i++)
            {
                if (char.IsHighSurrogate(characters[i]) && i + 1 < characters.Length && char.IsLowSurrogate(characters[i + 1]))
                    i++;
                else if (char.IsSurrogate(characters[i]))
                    characters[i] = '\uFFFD';
            }
        });
    }

    private static TextPlace PlaceOf(TextSection section, TextSection inner, PipelineSettings settings) =>
        section.Start > 0 || inner.Start > 0 ? TextPlace.AfterToken
        : settings.IsContinuation ? TextPlace.Continuation
        : settings.BeginsInput ? TextPlace.Beginning
        : TextPlace.AfterToken;

    private void EncodeWords(TextPieces pieces, StringBuilder changed, TokenSink sink, PipelineSettings settings)
    {
        int offset = changed.Length;
        if (!settings.PreTokenize || _preTokenizer is null)
        {
            _model.Encode(pieces.Text, offset, sink);
            changed.Append(pieces.Text);
            return;
        }

        _preTokenizer.Apply(pieces);
        foreach (var (start, length) in pieces.Ranges)
        {
            if (sink.IsFull)
                break;
            EncodingStop.Check();
            _model.Encode(pieces.Text.AsSpan(start, length), offset + start, sink);
        }

        changed.Append(pieces.Text);
    }
}
