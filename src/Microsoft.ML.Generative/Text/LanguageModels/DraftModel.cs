using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>A language model that guesses the tokens of a larger one.</summary>
internal sealed class DraftModel(LanguageModelTransformer model, int tokens) : SpeculativeDecoding(tokens)
{
    private volatile Tokenizer? _checked;

    internal override void Check(TextCodec codec)
    {
        if (_checked == codec.Tokenizer)
            return;
        if (codec.Tokenizer != model.Tokenizer && !HasSameTokens(codec, model.Codec))
        {
            throw new ArgumentException(
                $"The draft model has another tokenizer: of {model.Codec.VocabularySize} tokens, where the model's has "
                + $"{codec.VocabularySize}; expected the same tokens.");
        }

        _checked = codec.Tokenizer;
    }

    internal override IDraft Open(TextGenerationOptions options, long seed) => new Draft(model, options, seed);

    private static bool HasSameTokens(TextCodec a, TextCodec b) =>
        a.VocabularySize == b.VocabularySize && a.Tokenizer is GenerativeTokenizer x && b.Tokenizer is GenerativeTokenizer y
        && Enumerable.Range(0, a.VocabularySize).All(id => x.TokenOf(id) == y.TokenOf(id));

    private sealed class Draft : IDraft
    {
        private readonly IDisposable _use;
        private readonly IDecodingSession _session;
        private readonly TokenSampler _sampler;
        private readonly int _vocabularySize;
        private readonly long _seed;
        private readonly float[] _logits;
        private readonly List<int> _seen = [];
        private int _first;

        public Draft(LanguageModelTransformer model, TextGenerationOptions options, long seed)
        {
            (_vocabularySize, _seed) = (model.Codec.VocabularySize, seed);
            _sampler = new TokenSampler(options, _vocabularySize);
            _use = model.Use();
            try
            {
                _session = LanguageModelSessions.Open(model.Network, 1, model.Architecture.ContextLength, model.Device);
            }
            catch
            {
                _use.Dispose();
                throw;
            }

            _logits = new float[_session.VocabularySize];
        }

        public void Propose(IReadOnlyList<int> tokens, int generated, int count, List<int> drafts)
        {
            int context = _session.ContextLength;
            if (tokens.Count + count - _first > context)
            {
                _first = tokens.Count - Math.Max(1, context / 2);
                _session.Reset(0);
                _seen.Clear();
            }

            count = Math.Min(count, context - (tokens.Count - _first));
            if (count == 0)
                return;
            // Of what it has seen, the model's choices are still there; of the last token, the logits are needed.
            int kept = 0, most = Math.Min(_seen.Count, tokens.Count - _first - 1);
            while (kept < most && _seen[kept] == tokens[_first + kept])
                kept++;
            _session.Truncate(0, kept);
            _seen.RemoveRange(kept, _seen.Count - kept);
            int[] added = [.. tokens.Skip(_first + kept)];
            _session.Prefill(0, added, _logits);
            _seen.AddRange(added);
            for (int i = 0; i < count; i++)
            {
                int token = _sampler.Choose(_logits.AsSpan(0, _vocabularySize), new RowRandom(_seed, generated + i).NextDouble());
                drafts.Add(token);
                if (i == count - 1)
                    break;
                _session.Append([0], [token], _logits);
                _seen.Add(token);
            }
        }

        public void Dispose()
        {
            _session.Dispose();
            _use.Dispose();
        }
    }
}
