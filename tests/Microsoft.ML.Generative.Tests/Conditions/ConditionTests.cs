using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class ConditionTests
{
    private static readonly ImageShape _small = new(1, 1, 2);
    private static readonly ImageShape _large = new(1, 2, 4);

    [Fact]
    public void Labels_are_those_asked_for_row_by_row_or_for_all_rows_or_the_null()
    {
        using DisposeScope scope = NewDisposeScope();
        var condition = new LabelCondition("Label", 3, HasNull: true);
        long[] Values(ConditionRequest request) => TensorMemory.ToArray<long>(condition.ValuesOf(request, 1, 2, CPU));
        Assert.Equal([2, 0], Values(new ConditionRequest(Labels: [1, 2, 0])));
        Assert.Equal([1, 1], Values(new ConditionRequest(Label: 1)));
        Assert.Equal([3, 3], Values(new ConditionRequest()));
        Assert.Equal(4, condition.NetworkCount);
    }

    [Theory]
    [InlineData(null, null, "0 to 2")]
    [InlineData(3, null, "Label is 3")]
    [InlineData(-1, null, "Label is -1")]
    [InlineData(null, new[] { 0, 1 }, "Labels has 2 values; expected 3")]
    [InlineData(null, new[] { 0, 1, 5 }, "Labels[2] is 5")]
    [InlineData(1, new[] { 0, 1, 2 }, "both given")]
    public void Labels_that_cannot_be_used_are_refused(int? label, int[]? labels, string expected)
    {
        var set = new ConditionSet(new LabelCondition("Label", 3));
        var error = Assert.Throws<ArgumentException>(() => set.Check(new ConditionRequest(label, labels), 3, "options"));
        Assert.Contains(expected, error.Message);
        Assert.Equal("options", error.ParamName);
    }

    [Fact]
    public void Rows_without_a_label_need_a_network_that_knows_them()
    {
        new ConditionSet(new LabelCondition("Label", 3, HasNull: true)).Check(new ConditionRequest(), 3, "options");
        new ConditionSet(new LabelCondition("Label", 3)).Check(new ConditionRequest(), 0, "options");
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<InvalidOperationException>(() => new LabelCondition("Label", 3).NullLike(zeros(2, ScalarType.Int64)));
    }

    [Fact]
    public void Conditions_that_the_model_does_not_have_are_refused()
    {
        var none = new ConditionSet();
        Assert.Contains(
            "Labels is 2", Assert.Throws<ArgumentException>(() => none.Check(new ConditionRequest(Labels: [2]), 1, "options")).Message);
        Assert.Contains(
            "LowResolution", Assert.Throws<ArgumentException>(() => none.Check(new ConditionRequest(Image: [1]), 1, "options")).Message);
        none.Check(new ConditionRequest(), 1, "options");
    }

    [Fact]
    public void Dropped_labels_become_the_null()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor labels = tensor(new long[] { 0, 1, 2 }), isDropped = tensor(new[] { false, true, false });
        Assert.Equal([0, 3, 2], TensorMemory.ToArray<long>(new LabelCondition("Label", 3, HasNull: true).Drop(labels, isDropped)));
    }

    [Fact]
    public void Low_resolution_images_are_enlarged_to_the_range_of_networks()
    {
        using DisposeScope scope = NewDisposeScope();
        ImageCondition condition = ImageCondition.Create("Small", _small, _large)!;
        Tensor encoded = condition.Encode(condition.ValuesOf(new ConditionRequest(Image: [0, 1]), 0, 3, CPU));
        Assert.Equal([3L, 1, 2, 4], encoded.shape);
        // Bilinear, with pixels as areas: the outer quarters are the pixels' own values.
        Assert.Equal([-1f, -0.5f, 0.5f, 1f], TensorMemory.ToArray<float>(encoded[2, 0, 1]));
    }

    [Fact]
    public void A_condition_needs_its_column_and_its_column_the_condition()
    {
        Assert.Null(LabelCondition.Create(null, 0));
        Assert.Throws<ArgumentException>(() => LabelCondition.Create(null, 3));
        Assert.Throws<ArgumentException>(() => LabelCondition.Create("Label", 0));
        Assert.Null(ImageCondition.Create(null, null, _large));
        Assert.Throws<ArgumentException>(() => ImageCondition.Create(null, _small, _large));
        Assert.Throws<ArgumentException>(() => ImageCondition.Create("Small", null, _large));
        Assert.Throws<ArgumentException>(() => ImageCondition.Create("Small", new ImageShape(1, 1, 3), _large));
    }

    [Fact]
    public void A_guided_pass_takes_the_conditions_and_their_nulls()
    {
        using DisposeScope scope = NewDisposeScope();
        var set = new ConditionSet(new LabelCondition("Label", 2, HasNull: true), ImageCondition.Create("Small", _small, _large));
        ConditionValues values = set.Encode([ones(1), tensor(new long[] { 1 }), zeros(1, 1, 1, 2)], first: 1), both = set.WithNull(values);
        Assert.Equal([1, 2], TensorMemory.ToArray<long>(both.Labels!));
        Assert.Equal([2L, 1, 2, 4], both.Image!.shape);
        // Guidance leaves the image as it is.
        Assert.Equal(0, (both.Image[0] - both.Image[1]).abs().max().ToDouble());
        Assert.Equal([2L, 2, 2, 4], both.Beside(zeros(2, 1, 2, 4)).shape);
        Assert.Equal([5L], values.OfFirst(5).Labels!.shape);
    }
}
