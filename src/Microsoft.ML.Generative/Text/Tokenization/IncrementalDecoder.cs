using Microsoft.ML.Generative.Text.Tokenization.Decoding;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>Text token by token: never half a character, and all pieces together are the text of all tokens.</summary>
internal abstract class IncrementalDecoder
{
    /// <param name="tokenizer">Any tokenizer.</param>
    /// <param name="context">Tokens before the first, such as a prompt's, whose text is left out.</param>
    /// <param name="skipSpecialTokens">
    /// Whether special tokens give no text; for other types, their own <c>Decode</c> decides.
    /// </param>
    /// <param name="shown">Special tokens that give text nevertheless.</param>
    public static IncrementalDecoder Create(
        Tokenizer tokenizer, IReadOnlyList<int>? context = null, bool skipSpecialTokens = true, IReadOnlyList<int>? shown = null) =>
        tokenizer is GenerativeTokenizer own
            ? new StreamDecoder(own, context ?? [], skipSpecialTokens, shown ?? [])
            : new WindowDecoder(tokenizer, context ?? []);

    /// <summary>Takes a token and returns what text is now certain; often none.</summary>
    public abstract string Append(int id);

    /// <summary>Returns what is left. Nothing may be appended afterwards.</summary>
    public abstract string Flush();

    private sealed class StreamDecoder : IncrementalDecoder
    {
        private readonly TokenTextStream _stream;

        public StreamDecoder(
            GenerativeTokenizer tokenizer, IReadOnlyList<int> context, bool skipSpecialTokens, IReadOnlyList<int> shown)
        {
            _stream = new TokenTextStream(tokenizer.Decoder, skipSpecialTokens, shown);
            foreach (int id in context)
                _stream.Append(id);
            _stream.Take();
        }

        public override string Append(int id)
        {
            _stream.Append(id);
            return _stream.Take();
        }

        public override string Flush()
        {
            _stream.Flush();
            return _stream.Take();
        }
    }

    /// <summary>
    /// Decodes a few tokens with and without the newest; the difference is its text. U+FFFD at the end may be the beginning of a
    /// character, and waits for what follows.
    /// </summary>
    private sealed class WindowDecoder : IncrementalDecoder
    {
        private const int Context = 8;

        // No character has more bytes; more tokens without a whole one are not going to be one.
        private const int LongestWait = 16;

        private readonly Tokenizer _tokenizer;
        private readonly List<int> _window;
        private int _done;

        public WindowDecoder(Tokenizer tokenizer, IReadOnlyList<int> context)
        {
            _tokenizer = tokenizer;
            _window = [.. context.Skip(Math.Max(0, context.Count - Context))];
            _done = _window.Count;
        }

        public override string Append(int id)
        {
            _window.Add(id);
            string text = _tokenizer.Decode(_window);
            return text.EndsWith('\uFFFD') && _window.Count - _done < LongestWait ? "" : Advance(text);
        }

        public override string Flush() => Advance(_tokenizer.Decode(_window));

        private string Advance(string text)
        {
            string before = _tokenizer.Decode(_window.Take(_done));
            string piece = text.Length > before.Length ? text[before.Length..] : "";
            // Without text nothing moves: the next token may need what stands before this one.
            if (piece.Length > 0 || _window.Count - _done >= LongestWait)
            {
                _window.RemoveRange(0, _done);
                _done = _window.Count;
            }

            return piece;
        }
    }
}
