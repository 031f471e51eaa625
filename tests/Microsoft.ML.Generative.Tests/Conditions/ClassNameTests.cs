using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A key means its value, whatever its number: in every model that knows classes.</summary>
public sealed class ClassNameTests
{
    private static readonly string[] _trained = ["dark", "mid", "light"];
    private static readonly string[] _permuted = ["light", "dark", "mid"];

    private readonly MLContext _ml = new(seed: 1);

    public static TheoryData<string> Families => ["vae", "flow", "gan", "diffusion"];

    [Theory]
    [MemberData(nameof(Families))]
    public void Keys_in_another_order_are_the_same_classes(string family)
    {
        ITransformer model = Train(family, Keys(_trained));
        using var owned = (IDisposable)model;
        List<object?[]> expected = Outputs(model, Keys(_trained));
        Rows.AssertEqual(expected, Outputs(model, Keys(_permuted)), tolerance: 0);
        Rows.AssertEqual(expected[1..2], Outputs(model, Keys(["light", "mid"], "mid")), tolerance: 1e-4);

        // The model knows its classes from its file, too.
        using var file = new MemoryStream();
        _ml.Model.Save(model, Keys(_trained).Schema, file);
        file.Position = 0;
        ITransformer loaded = new MLContext().Model.Load(file, out _);
        using var again = (IDisposable)loaded;
        Rows.AssertEqual(expected, Outputs(loaded, Keys(_permuted)), tolerance: 0);
        Assert.Equal(_trained, ClassNames(loaded));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Keys_that_the_model_does_not_know_are_refused_by_both_lists(string family)
    {
        ITransformer model = Train(family, Keys(_trained));
        using var owned = (IDisposable)model;
        string message = Assert.ThrowsAny<ArgumentException>(() => model.Transform(Keys([.. _permuted, "bright"]))).Message;
        Assert.Contains(
            "Column 'Label' has the key values 'light', 'dark', 'mid', 'bright', but the classes of the model are 'dark', 'mid', 'light'",
            message);
        Assert.Contains("'bright' is none of them", message);

        message = Assert.ThrowsAny<ArgumentException>(() =>
            model.Transform(Data((i, pixels) => new NamelessRow { Pixels = pixels, Label = (uint)i % 3 }))).Message;
        Assert.Contains("Column 'Label' has keys without values", message);
        Assert.Contains("'dark', 'mid', 'light'", message);
        Assert.Contains("MapValueToKey", message);

        message = Assert.ThrowsAny<ArgumentException>(() => model.Transform(Texts())).Message;
        Assert.Contains("'Label' has type String", message);
        Assert.Contains("MapValueToKey", message);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Validation_data_is_matched_by_name(string family)
    {
        double Loss(string[] order)
        {
            var reports = new Reports();
            using var model = (IDisposable)Train(family, Keys(_trained), options =>
            {
                options.ValidationData = Keys(order);
                options.Progress = reports;
            });
            return reports.All.Last(r => r.ValidationLoss is not null).ValidationLoss!.Value;
        }

        Assert.Equal(Loss(_trained), Loss(_permuted));
    }

    [Fact]
    public void A_classifier_is_validated_by_name()
    {
        var reports = new Reports();
        using ImageClassifierTransformer model = _ml.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            InputColumnName = "Pixels",
            BaseChannels = 8,
            Epochs = 20,
            LearningRate = 0.01,
            Seed = 1,
            ValidationData = Keys(_permuted),
            Progress = reports,
        }).Fit(Keys(_trained));
        Assert.Equal(_trained, model.ClassNames);

        // By number none of the classes would be right.
        Assert.Equal(1, model.Transform(Keys(_permuted)).GetColumn<uint>("PredictedLabel")
            .Select((key, i) => key == (uint)(i % 3) + 1 ? 1.0 : 0).Average());
        Assert.InRange(reports.All[^1].ValidationLoss!.Value, 0, 0.5);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Classes_are_asked_for_and_told_by_name(string family)
    {
        ITransformer model = Train(family, Keys(_trained));
        using var owned = (IDisposable)model;
        IDataView named = Generate(model, "light", null);
        Assert.Equal(Generate(model, null, 2).GetColumn<float[]>("Generated"), named.GetColumn<float[]>("Generated"));
        Assert.NotEqual(Generate(model, null, 0).GetColumn<float[]>("Generated"), named.GetColumn<float[]>("Generated"));

        // The rows say of which class they are.
        IDataView read = _ml.Transforms.Conversion.MapKeyToValue("Name", "Label").Fit(named).Transform(named);
        Assert.Equal(["light", "light"], read.GetColumn<string>("Name"));
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 1, 16, 16), named.Schema["Generated"].Type);

        string message = Assert.Throws<ArgumentException>(() => Generate(model, "bright", null)).Message;
        Assert.Contains("LabelName is 'bright'; expected 'dark', 'mid', 'light'", message);
        Assert.Contains("LabelName are both given", Assert.Throws<ArgumentException>(() => Generate(model, "dark", 0)).Message);
        Assert.Contains(
            "expected 0 to 2 ('dark', 'mid', 'light')", Assert.Throws<ArgumentException>(() => Generate(model, null, 3)).Message);
    }

    [Fact]
    public void Interpolations_are_of_a_class_by_name()
    {
        using var vae = (VaeTransformer)Train("vae", Keys(_trained));
        using var flow = (FlowTransformer)Train("flow", Keys(_trained));
        using var gan = (GanTransformer)Train("gan", Keys(_trained));
        float[][] rows = [.. Keys(_trained).GetColumn<float[]>("Pixels").Take(2)];
        Same(
            vae.Interpolate(rows[0], rows[1], 3, new() { Label = 2 }), vae.Interpolate(rows[0], rows[1], 3, new() { LabelName = "light" }));
        Same(flow.Interpolate(rows[0], rows[1], 3, new() { Label = 2 }), flow.Interpolate(
            rows[0], rows[1], 3, new() { LabelName = "light" }));
        (float[] a, float[] b) = (gan.SampleLatent(1), gan.SampleLatent(2));
        Same(gan.Interpolate(a, b, 3, new() { Label = 2 }), gan.Interpolate(a, b, 3, new() { LabelName = "light" }));
        Assert.Contains(
            "'bright'", Assert.Throws<ArgumentException>(() => gan.Interpolate(a, b, 3, new() { LabelName = "bright" })).Message);

        static void Same(IDataView expected, IDataView actual)
        {
            Assert.Equal(expected.GetColumn<float[]>("Generated"), actual.GetColumn<float[]>("Generated"));
            Assert.Equal([3u, 3, 3], actual.GetColumn<uint>("Label"));
        }
    }

    [Fact]
    public void Single_rows_are_encoded_and_decoded_by_the_name_of_their_class()
    {
        using var vae = (VaeTransformer)Train("vae", Keys(_trained));
        using var flow = (FlowTransformer)Train("flow", Keys(_trained));
        using var gan = (GanTransformer)Train("gan", Keys(_trained));
        float[] row = Keys(_trained).GetColumn<float[]>("Pixels").First();
        float[] z = vae.Encode(row, 2);
        Assert.Equal(z, vae.Encode(row, labelName: "light"));
        Assert.NotEqual(z, vae.Encode(row, labelName: "dark"));
        Assert.Equal(vae.Decode(z, 2), vae.Decode(z, labelName: "light"));
        Assert.Equal(
            vae.LatentGrid(2, 2, label: 2).GetColumn<float[]>("Generated"),
            vae.LatentGrid(2, 2, labelName: "light").GetColumn<float[]>("Generated"));
        float[] code = flow.Encode(row, 2);
        Assert.Equal(code, flow.Encode(row, labelName: "light"));
        Assert.Equal(flow.Decode(code, 2), flow.Decode(code, labelName: "light"));
        Assert.Equal(flow.LogDensity(row, 2), flow.LogDensity(row, labelName: "light"));
        Assert.NotEqual(flow.LogDensity(row, 2), flow.LogDensity(row, labelName: "mid"));
        float[] noise = gan.SampleLatent(1);
        Assert.Equal(gan.Decode(noise, 2), gan.Decode(noise, labelName: "light"));

        foreach (Action call in (Action[])
            [
                () => vae.Encode(row, labelName: "bright"), () => vae.Decode(z, labelName: "bright"),
                () => vae.LatentGrid(2, 2, labelName: "bright"),
                () => flow.Encode(row, labelName: "bright"), () => flow.Decode(code, labelName: "bright"),
                () => flow.LogDensity(row, labelName: "bright"), () => gan.Decode(noise, labelName: "bright"),
            ])
        {
            ArgumentException error = Assert.Throws<ArgumentException>(call);
            Assert.Contains("LabelName is 'bright'; expected 'dark', 'mid', 'light'", error.Message);
            Assert.Equal("label", error.ParamName);
        }

        ArgumentException missing = Assert.Throws<ArgumentException>(() => vae.Interpolate(row, row, 2));
        Assert.Contains("expected one of 0 to 2 ('dark', 'mid', 'light') as Label, or its name as LabelName", missing.Message);
        Assert.Equal("options", missing.ParamName);
        Assert.Contains("Label and LabelName are both given", Assert.Throws<ArgumentException>(() => vae.Encode(row, 1, "dark")).Message);

        using VaeTransformer plain = _ml.Transforms.Generative().Vae(
            new VaeOptions { InputColumnName = "Pixels", HiddenSizes = [4], LatentSize = 2, MaxSteps = 1 }).Fit(Keys(_trained));
        Assert.Contains(
            "LabelName is 'cat', but the model was trained without labels",
            Assert.Throws<ArgumentException>(() => plain.Generate(1, new() { LabelName = "cat" })).Message);
    }

    [Fact]
    public void A_cursor_of_generated_rows_gives_what_was_asked_for()
    {
        using var model = (GanTransformer)Train("gan", Keys(_trained));
        IDataView generated = model.Generate(3, new() { LabelNames = ["mid", "dark", "light"] });
        Assert.Equal([2u, 1, 3], generated.GetColumn<uint>("Label"));
        using DataViewRowCursor cursor = generated.GetRowCursor([generated.Schema["Label"]]);
        Assert.True(cursor.IsColumnActive(generated.Schema["Label"]));
        Assert.False(cursor.IsColumnActive(generated.Schema["Generated"]));
        string message =
            Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<VBuffer<float>>(generated.Schema["Generated"])).Message;
        Assert.Contains("'Generated' is not active", message);
        Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<int>(generated.Schema["Label"]));
    }

    [Fact]
    public void Keys_of_numbers_are_matched_with_numbers_by_value()
    {
        IDataView keys = Mapped(Data((i, pixels) => new IntegerRow { Pixels = pixels, Label = 5 + i % 3 * 2 }), [9, 5, 7]);
        using var model = (VaeTransformer)Train("vae", keys);
        Assert.Equal(["9", "5", "7"], model.ClassNames);
        List<object?[]> expected = Outputs(model, keys);
        Rows.AssertEqual(
            expected, Outputs(model, Data((i, pixels) => new IntegerRow { Pixels = pixels, Label = 5 + i % 3 * 2 })), tolerance: 0);
        Rows.AssertEqual(
            expected, Outputs(model, Data((i, pixels) => new FloatRow { Pixels = pixels, Label = 5 + i % 3 * 2 })), tolerance: 0);
        string message = Assert.Throws<InvalidDataException>(
            () => Outputs(model, Data((i, pixels) => new IntegerRow { Pixels = pixels, Label = i == 4 ? 6 : 5 }))).Message;
        Assert.Contains("Column 'Label', row 4: the label is 6; expected one of 9, 5, 7", message);
    }

    [Fact]
    public void A_model_of_numbers_takes_keys_of_them_in_any_order()
    {
        IDataView numbers = Data((i, pixels) => new IntegerRow { Pixels = pixels, Label = i % 3 });
        using var model = (VaeTransformer)Train("vae", numbers, options => ((VaeOptions)options).LabelCount = 3);
        List<object?[]> expected = Outputs(model, numbers);
        Rows.AssertEqual(expected, Outputs(model, Mapped(numbers, [2, 0, 1])), tolerance: 0);
        Rows.AssertEqual(
            expected, Outputs(model, Data((i, pixels) => new NamelessRow { Pixels = pixels, Label = (uint)i % 3 })), tolerance: 0);
        Assert.Equal(["0", "1", "2"], model.ClassNames);
    }

    [Fact]
    public void Labels_of_Single_are_counted_and_have_to_be_whole()
    {
        IDataView numbers = Data((i, pixels) => new FloatRow { Pixels = pixels, Label = i % 3 });
        using var model = (VaeTransformer)Train("vae", numbers);
        Assert.Equal(3, model.LabelCount);
        using var same = (VaeTransformer)Train(
            "vae", Data((i, pixels) => new IntegerRow { Pixels = pixels, Label = i % 3 }), options => ((VaeOptions)options).LabelCount = 3);
        Rows.AssertEqual(Outputs(same, numbers), Outputs(model, numbers), tolerance: 0);

        string Message(float label) => Assert.Throws<InvalidDataException>(
            () => Train("vae", Data((i, pixels) => new FloatRow { Pixels = pixels, Label = i == 2 ? label : 0 }))).Message;
        Assert.Contains("Column 'Label', row 2: the label is 0.5; expected a whole number", Message(0.5f));
        Assert.Contains("Column 'Label', row 2: the label is missing", Message(float.NaN));
        Assert.Contains("Column 'Label', row 2: the label is -1", Message(-1));
        Assert.Contains("Column 'Label', row 2", Message(float.PositiveInfinity));
    }

    [Fact]
    public void Boolean_labels_are_two_classes()
    {
        IDataView flags = Data((i, pixels) => new FlagRow { Pixels = pixels, Label = i % 2 == 1 });
        using var model = (VaeTransformer)Train("vae", flags);
        Assert.Equal(["False", "True"], model.ClassNames);
        List<object?[]> expected = Outputs(model, flags);
        Rows.AssertEqual(expected, Outputs(model, Mapped(flags, [true, false])), tolerance: 0);
        IDataView generated = model.Generate(1, new() { LabelName = "True" });
        Assert.Equal(
            [true], _ml.Transforms.Conversion.MapKeyToValue("Name", "Label").Fit(generated).Transform(generated).GetColumn<bool>("Name"));

        using ImageClassifierTransformer classifier = _ml.Transforms.Generative().ImageClassifier(
            new ImageClassifierOptions { InputColumnName = "Pixels", BaseChannels = 4, Epochs = 1 }).Fit(flags);
        IDataView scored = classifier.Transform(flags);
        Assert.Equal(2, ((VectorDataViewType)scored.Schema["Score"].Type).Size);
        Assert.All(
            _ml.Transforms.Conversion.MapKeyToValue("Name", "PredictedLabel").Fit(scored).Transform(scored).GetColumn<bool>("Name"),
            _ => { });
    }

    [Fact]
    public void Texts_hint_at_MapValueToKey_before_there_is_data()
    {
        foreach (Action attempt in (Action[])[
            () => Train("gan", Texts()),
            () => Estimator("gan", _ => { }, Texts())])
        {
            string message = Assert.ThrowsAny<ArgumentException>(attempt).Message;
            Assert.Contains(
                "Column 'Label' has type String; expected a key or an integer type, Boolean, or whole numbers of Single or Double",
                message);
            Assert.Contains("MapValueToKey", message);
        }
    }

    private IDataView Keys(string[] order, string? only = null) => Mapped(
        only is null ? Texts() : _ml.Data.TakeRows(_ml.Data.SkipRows(Texts(), Array.IndexOf(_trained, only)), 1), order);

    private IDataView Texts() => Data((i, pixels) => new TextRow { Pixels = pixels, Label = _trained[i % 3] });

    // Keys whose values are in an order.
    private IDataView Mapped<T>(IDataView data, T[] order)
    {
        IDataView keys = _ml.Data.LoadFromEnumerable(order.Select(value => new Value<T> { Label = value }).ToArray());
        return _ml.Transforms.Conversion.MapValueToKey("Label", keyData: keys).Fit(data).Transform(data);
    }

    // The darker the class, the lower the values.
    private IDataView Data<TRow>(Func<int, float[], TRow> row)
        where TRow : class => _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 12).Select(
            i => row(i, [.. Enumerable.Range(0, 256).Select(p => 0.1f + i % 3 * 0.35f + (p * 7 + i * 3) % 11 * 0.01f)])).ToArray());

    private List<object?[]> Outputs(ITransformer model, IDataView data)
    {
        IDataView output = model.Transform(data);
        using DataViewRowCursor cursor = output.GetRowCursor(output.Schema.Where(c => data.Schema.GetColumnOrNull(c.Name) is null));
        return Rows.Read(cursor);
    }

    private ITransformer Train(string family, IDataView data, Action<TrainingOptions>? change = null) => Estimator(family, options =>
    {
        (options.MaxSteps, options.BatchSize, options.Seed) = (4, 6, 1);
        change?.Invoke(options);
    }, data).Fit(data);

    private IEstimator<ITransformer> Estimator(string family, Action<TrainingOptions> change, IDataView data)
    {
        GenerativeTransformsCatalog catalog = _ml.Transforms.Generative();
        (string input, string label) = ("Pixels", "Label");
        IEstimator<ITransformer> estimator = family switch
        {
            "vae" => catalog.Vae(
                new VaeOptions { InputColumnName = input, LabelColumnName = label, LatentSize = 2, HiddenSizes = [8] }.With(change)),
            "flow" => catalog.Flow(new FlowOptions
            {
                InputColumnName = input,
                LabelColumnName = label,
                ConvolutionChannels = 4,
                CouplingLayers = 2,
            }.With(change)),
            "gan" => catalog.Gan(
                new GanOptions { InputColumnName = input, LabelColumnName = label, LatentSize = 2, BaseChannels = 2 }.With(change)),
            _ => catalog.Diffusion(TinyDiffusion.Options().With(o => ((DiffusionOptions)o).LabelColumnName = label).With(change)),
        };
        estimator.GetOutputSchema(SchemaShapes.Of(data.Schema));
        return estimator;
    }

    private static IReadOnlyList<string> ClassNames(ITransformer model) => model switch
    {
        VaeTransformer vae => vae.ClassNames,
        FlowTransformer flow => flow.ClassNames,
        GanTransformer gan => gan.ClassNames,
        DiffusionTransformer diffusion => diffusion.ClassNames,
        _ => [],
    };

    private static IDataView Generate(ITransformer model, string? name, int? label) => model switch
    {
        VaeTransformer vae => vae.Generate(2, new() { Seed = 1, LabelName = name, Label = label }),
        FlowTransformer flow => flow.Generate(2, new() { Seed = 1, LabelName = name, Label = label }),
        GanTransformer gan => gan.Generate(2, new() { Seed = 1, LabelName = name, Label = label }),
        DiffusionTransformer diffusion => diffusion.Generate(2, new() { Seed = 1, LabelName = name, Label = label }),
        _ => throw new NotSupportedException(),
    };

    private abstract class Row
    {
        [VectorType(1, 16, 16)]
        public float[] Pixels { get; set; } = [];
    }

    private sealed class TextRow : Row
    {
        public string Label { get; set; } = "";
    }

    private sealed class IntegerRow : Row
    {
        public int Label { get; set; }
    }

    private sealed class FloatRow : Row
    {
        public float Label { get; set; }
    }

    private sealed class FlagRow : Row
    {
        public bool Label { get; set; }
    }

    private sealed class NamelessRow : Row
    {
        [KeyType(3)]
        public uint Label { get; set; }
    }

    private sealed class Value<T>
    {
        public T Label { get; set; } = default!;
    }
}
