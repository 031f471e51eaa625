using Microsoft.ML.Generative.Text.Codec;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>Builds a conversation of parts: tokens of the template, and text.</summary>
internal sealed class ChatPrompt
{
    private readonly List<Part> _parts = [];

    private enum Kind
    {
        Text,
        Special,
        EndOfText,
    }

    /// <param name="token">A token of the template.</param>
    /// <param name="isAnswer">Whether the model generates it.</param>
    public ChatPrompt Special(string token, bool isAnswer = false) => Add(new Part(Kind.Special, token, isAnswer));

    /// <param name="text">A message, or the template around it.</param>
    /// <param name="isAnswer">Whether the model generates it.</param>
    public ChatPrompt Text(string text, bool isAnswer = false) => Add(new Part(Kind.Text, text, isAnswer));

    /// <summary>The token that ends a text, if the tokenizer has one.</summary>
    /// <param name="isAnswer">Whether the model generates it.</param>
    public ChatPrompt EndOfText(bool isAnswer) => Add(new Part(Kind.EndOfText, "", isAnswer));

    /// <exception cref="ArgumentException">The tokenizer lacks a token of the template.</exception>
    public int[] Encode(TextCodec codec, string template)
    {
        List<int> ids = [];
        foreach (List<Part> run in Runs())
            ids.AddRange(Encode(run, codec, template));
        return [.. ids];
    }

    /// <summary>The tokens up to the last that the model generates, and whether it generates each.</summary>
    /// <inheritdoc cref="Encode(TextCodec, string)" path="/exception"/>
    public (int[] Ids, bool[] IsAnswer) EncodeAnswers(TextCodec codec, string template)
    {
        List<int> ids = [];
        List<bool> isAnswer = [];
        foreach (List<Part> run in Runs())
        {
            IReadOnlyList<int> tokens = Encode(run, codec, template);
            int done = 0;
            string text = "";
            foreach (Part part in run)
            {
                // A part's tokens are those after the encoding of the text before it alone, because that is the prompt for which it is
                // generated.
                text += part.Text;
                int end = part == run[^1] ? tokens.Count : Math.Max(done, Shared(codec.EncodeText(text), tokens));
                isAnswer.AddRange(Enumerable.Repeat(part.IsAnswer, end - done));
                done = end;
            }

            ids.AddRange(tokens);
        }

        int length = isAnswer.LastIndexOf(true) + 1;
        return ([.. ids.Take(length)], [.. isAnswer.Take(length)]);
    }

    public override string ToString() => string.Concat(_parts.Select(p => p.Text));

    private static int Shared(IReadOnlyList<int> beginning, IReadOnlyList<int> whole)
    {
        int shared = 0;
        while (shared < Math.Min(beginning.Count, whole.Count) && beginning[shared] == whole[shared])
            shared++;
        return shared;
    }

    private static IReadOnlyList<int> Encode(List<Part> run, TextCodec codec, string template) => run[0].Kind switch
    {
        Kind.Text => codec.EncodeText(string.Concat(run.Select(p => p.Text))),
        Kind.EndOfText => codec.End is { } end ? [end] : [],
        _ => [codec.IdOf(run[0].Text) ?? throw new ArgumentException(
            $"The chat template {template} needs the token {run[0].Text}, which the model's tokenizer lacks: "
            + $"pass another {nameof(ChatTemplate)}.")],
    };

    // Texts beside each other are encoded as one.
    private List<List<Part>> Runs()
    {
        List<List<Part>> runs = [];
        foreach (Part part in _parts)
        {
            if (part.Kind == Kind.Text && runs is [.., [.., { Kind: Kind.Text }] last])
                last.Add(part);
            else
                runs.Add([part]);
        }

        return runs;
    }

    private ChatPrompt Add(Part part)
    {
        _parts.Add(part);
        return this;
    }

    private sealed class Part(Kind kind, string text, bool isAnswer)
    {
        public Kind Kind => kind;

        public string Text => text;

        public bool IsAnswer => isAnswer;
    }
}
