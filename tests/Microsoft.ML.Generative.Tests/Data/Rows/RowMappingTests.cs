using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Transforms.Image;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Transformers that are no models: text to vector, two texts to score, text to image.</summary>
public sealed class RowMappingTests
{
    private static readonly ImageShape _shape = new(3, 2, 4);

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_text_becomes_a_vector()
    {
        using TestTransformer model = Create(schema =>
        {
            var text = new TextInput(schema, "Text");
            return new RowMapping(
                [text], [RowOutput.Numbers("Vowels", new VectorDataViewType(NumberDataViewType.Single, 5), rows => Vowels(text.Of(rows)))]);
        });

        Sentence[] rows = Sentences("a banana", "", "queue", "Aeiou", "why");
        float[][] expected = [[4, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 2, 0, 0, 2], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0]];
        Assert.Equal(expected, Transformed<Counted>(model, rows).Select(o => o.Vowels));
        Assert.Equal(expected, Predicted<Counted, float[]>(model, rows, o => o.Vowels));
    }

    [Fact]
    public void Two_texts_become_a_score_and_a_text()
    {
        int passes = 0;
        using TestTransformer model = Create(schema =>
        {
            var text = new TextInput(schema, "Text");
            var answer = new TextInput(schema, "Answer");
            var score = new RowValue<torch.Tensor>(rows =>
            {
                passes++;
                return (Vowels(text.Of(rows)) - Vowels(answer.Of(rows))).square().sum(1);
            });
            return new RowMapping([text, answer],
            [
                RowOutput.Numbers("Score", NumberDataViewType.Single, score.Of),
                RowOutput.Texts("Verdict", rows =>
                    [.. text.Of(rows).Zip(
                        score.Of(rows).data<float>().ToArray(), (asked, distance) => $"{asked}: {(distance == 0 ? "same" : "other")}")]),
            ]);
        });

        Sentence[] rows = Sentences("aa|aa", "aa|a", "e|", "|", "ou|uo", "i|aei", "u|u");
        float[] scores = [0, 1, 1, 0, 0, 2, 0];
        string[] verdicts = ["aa: same", "aa: other", "e: other", ": same", "ou: same", "i: other", "u: same"];
        (float, string)[] expected = [.. scores.Zip(verdicts)];
        Assert.Equal(expected, Transformed<Scored>(model, rows).Select(o => (o.Score, o.Verdict)));
        Assert.Equal(3, passes);
        Assert.Equal(expected, Predicted<Scored, (float, string)>(model, rows, o => (o.Score, o.Verdict)));
    }

    [Fact]
    public void A_text_becomes_an_image()
    {
        using TestTransformer model = Create(schema =>
        {
            var text = new TextInput(schema, "Text");
            var image = new RowValue<torch.Tensor>(rows =>
                new KeyedNoise(rows.Keys(7, text), [3, 2, 4], torch.CPU).Next().Times(0.2).Plus(0.5));
            return new RowMapping([text],
            [
                RowOutput.Images("Image", _shape, image.Of),
                RowOutput.Numbers("Pixels", _shape.VectorType(NumberDataViewType.Single), image.Of),
            ]);
        });

        Sentence[] rows = Sentences("red", "green", "blue", "red", "grey");
        List<object?[]> transformed = Rows.Read(model.Transform(_ml.Data.LoadFromEnumerable(rows)));
        byte[][] images = [.. transformed.Select(row => (byte[])row[2]!)];
        float[][] pixels = [.. transformed.Select(row => (float[])row[3]!)];
        Assert.Equal(pixels.Select(Rgba), images);
        Assert.Equal(pixels[0], pixels[3]);
        Assert.NotEqual(pixels[0], pixels[1]);
        Assert.Equal(images, Predicted<Painted, byte[]>(model, rows, o => o.Image!.Pixels.ToArray()));
        Assert.Equal(pixels, Predicted<Painted, float[]>(model, rows, o => o.Pixels));

        // From planes in 0..1.
        static byte[] Rgba(float[] planes) =>
            [.. Enumerable.Range(0, 8)
                .SelectMany(pixel => new[] { Level(planes[pixel]), Level(planes[8 + pixel]), Level(planes[16 + pixel]), byte.MaxValue })];

        static byte Level(float value) => (byte)Math.Clamp(MathF.Round(255 * value), 0, 255);
    }

    [Fact]
    public void Only_what_is_asked_for_is_computed()
    {
        List<string> computed = [];
        using TestTransformer model = Create(schema =>
        {
            var text = new TextInput(schema, "Text");
            return new RowMapping([text],
            [
                RowOutput.Texts("Verdict", rows => Noted("Verdict", text.Of(rows))),
                RowOutput.Numbers("Score", NumberDataViewType.Single, rows => Vowels(Noted("Score", text.Of(rows))).sum(1)),
            ]);
        });

        IDataView output = model.Transform(_ml.Data.LoadFromEnumerable(Sentences("a", "b")));
        Assert.Equal([1f, 0f], output.GetColumn<float>("Score"));
        Assert.Equal(["Score"], computed);
        Assert.Equal(["a", "b"], output.GetColumn<string>("Text"));
        Assert.Equal(["Score"], computed);

        IReadOnlyList<string> Noted(string name, IReadOnlyList<string> texts)
        {
            computed.Add(name);
            return texts;
        }
    }

    [Fact]
    public void A_prediction_engine_and_a_transform_agree_where_a_column_is_hidden()
    {
        using TestTransformer model = Create(schema =>
        {
            var text = new TextInput(schema, "Text");
            return new RowMapping([text], [RowOutput.Texts("Text", rows => [.. text.Of(rows).Select(t => t.ToUpperInvariant())])]);
        });

        Sentence[] rows = Sentences("a|x", "b|y", "c|z", "d|");
        Assert.Equal(["A/x", "B/y", "C/z", "D/"], Transformed<Sentence>(model, rows).Select(o => $"{o.Text}/{o.Answer}"));
        Assert.Equal(["A/x", "B/y", "C/z", "D/"], Predicted<Sentence, string>(model, rows, o => $"{o.Text}/{o.Answer}"));
    }

    [Fact]
    public void A_model_that_is_disposed_of_while_it_computes_finishes_its_batch()
    {
        TestTransformer model = null!;
        bool isDisposed = true;
        model = Create(schema =>
        {
            var text = new TextInput(schema, "Text");
            return new RowMapping([text], [RowOutput.Texts("Verdict", rows =>
            {
                model.Dispose();
                isDisposed = model.Network.IsDisposed;
                return text.Of(rows);
            })]);
        });

        IDataView output = model.Transform(_ml.Data.LoadFromEnumerable(Sentences("a", "b", "c", "d")));
        using DataViewRowCursor cursor = output.GetRowCursor([output.Schema["Verdict"]]);
        for (int row = 0; row < 3; row++)
            Assert.True(cursor.MoveNext());
        Assert.False(isDisposed);
        Assert.True(model.Network.IsDisposed);
        Assert.Throws<ObjectDisposedException>(() => cursor.MoveNext());
    }

    [Fact]
    public void Disposal_waits_for_the_last_user()
    {
        TestTransformer model = Create(schema => new RowMapping([], []));
        IDisposable first = model.Use(), second = model.Use();
        model.Dispose();
        Assert.False(model.Network.IsDisposed);
        Assert.Throws<ObjectDisposedException>(model.Use);
        first.Dispose();
        first.Dispose();
        Assert.False(model.Network.IsDisposed);
        second.Dispose();
        Assert.True(model.Network.IsDisposed);
    }

    private TestTransformer Create(Func<DataViewSchema, RowMapping> bind) => new(Hosts.Create(_ml), bind);

    private TOutput[] Transformed<TOutput>(TestTransformer model, Sentence[] rows)
        where TOutput : class, new() =>
        [.. _ml.Data.CreateEnumerable<TOutput>(model.Transform(_ml.Data.LoadFromEnumerable(rows)), reuseRowObject: false)];

    private TValue[] Predicted<TOutput, TValue>(TestTransformer model, Sentence[] rows, Func<TOutput, TValue> value)
        where TOutput : class, new()
    {
        using var engine = _ml.Model.CreatePredictionEngine<Sentence, TOutput>(
            model, new PredictionEngineOptions { OwnsTransformer = false });
        return [.. rows.Select(row => value(engine.Predict(row)))];
    }

    // How often each vowel is in a text, [texts, 5].
    private static torch.Tensor Vowels(IReadOnlyList<string> texts) =>
        torch.tensor([.. texts.SelectMany(text => "aeiou".Select(vowel => (float)text.Count(c => c == vowel)))], [texts.Count, 5]);

    private static Sentence[] Sentences(params string[] texts) =>
        [.. texts.Select(t => t.Split('|')).Select(parts => new Sentence { Text = parts[0], Answer = parts.ElementAtOrDefault(1) ?? "" })];

    private sealed class Sentence
    {
        public string Text { get; set; } = "";

        public string Answer { get; set; } = "";
    }

    private sealed class Counted
    {
        [VectorType(5)]
        public float[] Vowels { get; set; } = [];
    }

    private sealed class Scored
    {
        public float Score { get; set; }

        public string Verdict { get; set; } = "";
    }

    private sealed class Painted
    {
        [ImageType(2, 4)]
        public MLImage? Image { get; set; }

        [VectorType(3, 2, 4)]
        public float[] Pixels { get; set; } = [];
    }
}
