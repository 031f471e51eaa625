using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Decoding;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>
/// What texts of a call have to be, and with which tokens they can be written. Its buffers are shared by texts that take turns.
/// </summary>
internal sealed class JsonFormat
{
    private readonly TextCodec _codec;
    private readonly TokenDecoder _decoder;
    private readonly JsonAutomaton _automaton;
    private readonly TokenTexts _texts;
    private readonly Lazy<TokenTexts> _firstTexts;
    private readonly float[] _kept;

    // Before each byte of a token.
    private JsonState[] _states = [];

    private JsonFormat(JsonGrammar grammar, TextCodec codec, GenerativeTokenizer tokenizer)
    {
        (_codec, _decoder, _texts) = (codec, tokenizer.Decoder, tokenizer.Texts);
        _firstTexts = new Lazy<TokenTexts>(() => tokenizer.FirstTexts);
        _automaton = new JsonAutomaton(grammar, new JsonCosts(grammar, _texts.All));
        _kept = new float[codec.VocabularySize];
    }

    /// <summary>The format that options ask for, or null for any text.</summary>
    /// <exception cref="ArgumentException"><see cref="TextGenerationOptions.MaxTokens"/> is too small for the shortest text.</exception>
    /// <exception cref="NotSupportedException">
    /// The tokenizer cannot write such a text, or does not give the texts of its tokens.
    /// </exception>
    public static JsonFormat? Of(TextGenerationOptions options, TextCodec codec)
    {
        if (JsonGrammar.Of(options.ResponseFormat) is not { } grammar)
            return null;
        if (codec.Tokenizer is not GenerativeTokenizer tokenizer)
            throw new NotSupportedException(
                $"{nameof(options.ResponseFormat)} is JSON, and a tokenizer of the type {codec.Tokenizer.GetType().FullName} does not give "
                + $"the texts of its tokens: use one of {nameof(GenerativeTokenizers)}.");
        var format = new JsonFormat(grammar, codec, tokenizer);
        int shortest = format._automaton.Cost(format._automaton.Start);
        if (shortest >= JsonCosts.Never)
            throw new NotSupportedException(
                $"{nameof(options.ResponseFormat)} is JSON, which the tokenizer cannot write: it lacks tokens of single "
                + $"characters{format.Missing()}.");
        return shortest <= options.MaxTokens ? format : throw new ArgumentException(
            $"{nameof(options.MaxTokens)} is {options.MaxTokens}, and the shortest text of {nameof(options.ResponseFormat)} may take "
            + $"{shortest}.",
            nameof(options));
    }

    /// <summary>A text that is to be written after a prompt.</summary>
    public Text Begin(IReadOnlyList<int> prompt) => new(this, prompt.All(_decoder.IsSpecial));

    private string Missing()
    {
        char[] missing = [.. "{}[]:,\"0".Where(c => !_texts.All.HasByte[c])];
        return missing.Length > 0
            ? $" such as {string.Join(' ', missing)}"
            : ", or the schema's names and values need them, or its values are nested too deeply";
    }

    /// <summary>One text in the making.</summary>
    public sealed class Text(JsonFormat format, bool isFirst)
    {
        private JsonState _state = format._automaton.Start;
        private bool _isFirst = isFirst;

        /// <summary>Whether the text is whole and nothing may follow.</summary>
        public bool IsFinished => _state.Phase == JsonPhase.Done;

        /// <summary>Whether it had to be ended sooner than the model would have.</summary>
        public bool IsShortened { get; private set; }

        private TokenTexts Texts => _isFirst ? format._firstTexts.Value : format._texts;

        /// <summary>Leaves the logits of the tokens that may come next, and −∞ elsewhere.</summary>
        /// <param name="logits">Those of the vocabulary.</param>
        /// <param name="left">Tokens that may still be generated, at least 1.</param>
        /// <exception cref="InvalidOperationException">All that may come next is forbidden.</exception>
        public void Mask(Span<float> logits, int left)
        {
            JsonAutomaton automaton = format._automaton;
            Span<float> kept = format._kept;
            float bestKept = float.NegativeInfinity, bestLeftOut = float.NegativeInfinity;
            TokenTable table = Texts.All;
            if (JsonAutomaton.PlainCharacters(_state) is > 0 and var characters && automaton.Cost(_state) + 1 < left)
            {
                // Most of the vocabulary: what is within a string is known beforehand.
                bestKept = Texts.KeepPlain(logits, characters, kept);
                table = Texts.Others;
            }
            else
            {
                kept.Fill(float.NegativeInfinity);
            }

            JsonState[] states = format.StatesFor(table);
            states[0] = _state;
            int right = 0;
            for (int i = 0; i < table.Ids.Length; i++)
            {
                // It begins with what was wrong with the one before it.
                if (table.Shared[i] > right)
                    continue;
                int id = table.Ids[i];
                ReadOnlySpan<byte> bytes = table.BytesOf(id);
                right = table.Shared[i];
                while (right < bytes.Length && automaton.TryStep(states[right], bytes[right], out states[right + 1]))
                    right++;
                if (right < bytes.Length)
                    continue;
                int cost = automaton.Cost(states[right]);
                if (cost < left)
                    (kept[id], bestKept) = (logits[id], Math.Max(bestKept, logits[id]));
                else if (cost < JsonCosts.Never)
                    bestLeftOut = Math.Max(bestLeftOut, logits[id]);
            }

            foreach (int end in format._codec.Ends)
            {
                kept[end] = JsonAutomaton.IsComplete(_state) ? logits[end] : float.NegativeInfinity;
                bestKept = Math.Max(bestKept, kept[end]);
            }

            if (bestKept == float.NegativeInfinity)
                throw new InvalidOperationException(
                    $"No token may come next: those that {nameof(TextGenerationOptions.ResponseFormat)} allows are forbidden by "
                    + $"{nameof(TextGenerationOptions.LogitBias)}.");
            IsShortened |= bestLeftOut > bestKept;
            kept.CopyTo(logits);
        }

        /// <summary>Continues with a token that was allowed.</summary>
        public void Accept(int token)
        {
            foreach (byte value in Texts.All.BytesOf(token))
            {
                if (!format._automaton.TryStep(_state, value, out _state))
                    throw new InvalidOperationException($"Token {token} is not allowed here.");
            }

            _isFirst = false;
        }
    }

    private JsonState[] StatesFor(TokenTable table)
    {
        if (_states.Length <= table.Longest)
            _states = new JsonState[table.Longest + 1];
        return _states;
    }
}
