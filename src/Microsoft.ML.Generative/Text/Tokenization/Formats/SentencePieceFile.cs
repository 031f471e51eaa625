using System.Text.Json;
using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>Makes a tokenizer of a SentencePiece model: byte pairs or unigram.</summary>
internal static class SentencePieceFile
{
    private const char Space = '\u2581';

    /// <summary>The settings of the model in a folder's other files.</summary>
    public sealed record Settings
    {
        /// <summary>Whether the token that begins a text is added; null: if the model has it.</summary>
        public bool? AddBegin { get; init; }

        /// <summary>Whether a text ends with its token for that.</summary>
        public bool AddEnd { get; init; }

        /// <summary>A space is put before the first of the texts between special tokens only.</summary>
        public bool PrefixFirstOnly { get; init; }

        /// <summary>Tokens that the model has not.</summary>
        public IReadOnlyList<AddedToken> Added { get; init; } = [];
    }

    /// <exception cref="InvalidDataException">The file is not valid, or needs something that is not supported.</exception>
    public static GenerativeTokenizer Create(string name, byte[] file, Settings settings, TokenizerConfig config)
    {
        SentencePieceModel model = SentencePieceModel.Read(name, file);
        Check(name, model);
        string? Token(int id) => id >= 0 && id < model.Pieces.Count ? model.Pieces[id].Piece : null;
        config = config with
        {
            UnkToken = config.UnkToken ?? Token(model.UnknownId),
            BosToken = config.BosToken ?? Token(model.BeginId),
            EosToken = config.EosToken ?? Token(model.EndId),
            PadToken = config.PadToken ?? Token(model.PaddingId),
        };

        List<AddedToken> added = AddedTokens(model, settings.Added);
        (string, int)? Frame(string? token) => token is not null && IdOf(model, added, token) is { } id ? (token, id) : null;
        var before = settings.AddBegin ?? true ? Frame(config.BosToken) : null;
        var after = settings.AddEnd ? Frame(config.EosToken) : null;
        byte[] json = TokenizerJsonWriter.Write(new TokenizerParts
        {
            AddedTokens = added,
            Normalizer = writer => TokenizerJsonParts.WriteSequence(writer, "normalizers", Normalizers(model, settings)),
            PreTokenizer = PrefixFirst(model, settings) ? WriteFirstPrefix : null,
            Model = writer => WriteModel(writer, model),
            PostProcessor = before is null && after is null ? null : writer => TokenizerJsonParts.WriteFrame(writer, before, after),
            Decoder = writer => TokenizerJsonParts.WriteSentencePieceDecoder(writer, Space, model.AddDummyPrefix),
        });
        return TokenizerFiles.Create(json, config);
    }

    private static void Check(string name, SentencePieceModel model)
    {
        string? unsupported = model switch
        {
            { ModelType: not (SentencePieceModel.Unigram or SentencePieceModel.BytePairs) } =>
                $"is of the type {model.ModelType}; supported values: 1 (unigram) and 2 (byte pairs)",
            { WhitespaceAsSuffix: true } => "has spaces behind words (treat_whitespace_as_suffix), which is not supported",
            { EscapeWhitespace: false } => "keeps spaces as they are (escape_whitespaces is false), which is not supported",
            { AddDummyPrefix: true } or { RemoveExtraWhitespace: true }
                when model.Pieces.Exists(piece => piece.Kind == PieceKind.UserDefined) =>
                "has pieces of the user's together with add_dummy_prefix or remove_extra_whitespaces, which is not supported",
            _ when model.Pieces.Exists(piece => piece.Kind == PieceKind.Unused) => "has unused pieces, which is not supported",
            _ when model.Pieces.Exists(piece => !float.IsFinite(piece.Score)) => "has a piece without a finite score",
            _ => null,
        };
        if (unsupported is not null)
            throw new InvalidDataException($"'{name}' {unsupported}.");
    }

    private static bool PrefixFirst(SentencePieceModel model, Settings settings) => model.AddDummyPrefix && settings.PrefixFirstOnly;

    private static List<AddedToken> AddedTokens(SentencePieceModel model, IReadOnlyList<AddedToken> others)
    {
        List<AddedToken> added = [];
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            var (piece, _, kind) = model.Pieces[id];
            if (kind is PieceKind.Control or PieceKind.Unknown)
                added.Add(new AddedToken(id, piece, IsSpecial: true));
            else if (kind == PieceKind.UserDefined)
                added.Add(new AddedToken(id, piece.Replace(Space, ' '), IsSpecial: false));
        }

        var known = others.Select(token => token.Id).ToHashSet();
        return [.. added.Where(token => !known.Contains(token.Id)), .. others];
    }

    private static int? IdOf(SentencePieceModel model, List<AddedToken> added, string token)
    {
        int id = model.Pieces.FindIndex(piece => piece.Piece == token);
        return added.Find(other => other.Content == token)?.Id ?? (id >= 0 ? id : null);
    }

    private static IEnumerable<Action<Utf8JsonWriter>> Normalizers(SentencePieceModel model, Settings settings)
    {
        if (model.Replacements.Length > 0)
        {
            yield return writer =>
            {
                writer.WriteString("type", "Precompiled");
                writer.WriteBase64String("precompiled_charsmap", model.Replacements);
            };
        }

        if (model.RemoveExtraWhitespace)
        {
            // All but one of several spaces; then that at the beginning and at the end of the text.
            yield return writer => TokenizerJsonParts.WriteReplace(writer, "Regex", " {2,}", " ");
            yield return writer => TokenizerJsonParts.WriteReplace(writer, "Regex", @"(?<![\s\S]) | (?![\s\S])", "");
        }

        if (PrefixFirst(model, settings))
            yield break;
        if (model.AddDummyPrefix)
        {
            yield return writer =>
            {
                writer.WriteString("type", "Prepend");
                writer.WriteString("prepend", Space.ToString());
            };
        }

        yield return writer => TokenizerJsonParts.WriteReplace(writer, "String", " ", Space.ToString());
    }

    private static void WriteFirstPrefix(Utf8JsonWriter writer)
    {
        writer.WriteString("type", "Metaspace");
        writer.WriteString("replacement", Space.ToString());
        writer.WriteString("prepend_scheme", "first");
        writer.WriteBoolean("split", false);
    }

    private static void WriteModel(Utf8JsonWriter writer, SentencePieceModel model)
    {
        if (model.ModelType == SentencePieceModel.BytePairs)
        {
            TokenizerJsonParts.WriteBytePairs(
                writer,
                model.Pieces.Select((piece, id) => KeyValuePair.Create(piece.Piece, id)),
                ScoredMerges.Of(model.Pieces.Select(piece => (piece.Piece, piece.Score, CanMerge: piece.Kind == PieceKind.Normal))),
                new BytePairSettings { UnknownToken = Unknown(model), FuseUnknown = true, ByteFallback = model.ByteFallback });
            return;
        }

        writer.WriteString("type", "Unigram");
        writer.WriteNumber("unk_id", model.UnknownId);
        writer.WriteStartArray("vocab");
        foreach (var (piece, score, _) in model.Pieces)
        {
            writer.WriteStartArray();
            writer.WriteStringValue(piece);
            writer.WriteNumberValue((double)score);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        writer.WriteBoolean("byte_fallback", model.ByteFallback);
        writer.WriteBoolean(ModelJson.SinglePrecision, true);
    }

    private static string? Unknown(SentencePieceModel model) =>
        model.UnknownId >= 0 && model.UnknownId < model.Pieces.Count ? model.Pieces[model.UnknownId].Piece : null;
}
