using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class TensorReadsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Numbers_come_in_their_order_and_outlive_the_scope_that_made_them(bool areDeferred)
    {
        var reads = new TensorReads(areDeferred);
        List<double> seen = [];
        using (NewDisposeScope())
        {
            reads.Add([], _ => seen.Add(-1));
            Tensor sum = ones(3).sum();
            reads.Add([sum, tensor(2.5, ScalarType.Float64)], seen.AddRange);
            // What was read is what it was then.
            sum.Dispose();
            reads.Add([tensor(7f)], seen.AddRange);
        }

        Assert.Equal(areDeferred ? [] : [-1, 3, 2.5, 7], seen);
        reads.Complete();
        reads.Complete();
        Assert.Equal([-1, 3, 2.5, 7], seen);
    }
}
